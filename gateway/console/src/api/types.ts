import type { components } from "./schema";

type Schemas = components["schemas"];

export type Lead = Schemas["Lead"];
export type LeadEvent = Schemas["LeadEvent"];
export type EnrichmentStatus = Lead["enrichment_status"];
export type LeadImport = Schemas["LeadImport"];
export type Fact = Schemas["Fact"];
export type Suggestion = Schemas["Suggestion"];
export type Report = Schemas["Report"];
export type Lineage = Schemas["Lineage"];
export type Part = Schemas["Part"];
export type AuditEntry = Schemas["AuditEntry"];
export type LookupResult = Schemas["LookupPdfResponse"];
export type LegalHold = Schemas["LegalHold"];
export type LineageDiff = Schemas["LineageDiff"];
export type LineageAccess = Schemas["LineageAccess"];
export type ReportBatch = Schemas["ReportBatch"];
export type Coverage = Schemas["Coverage"];
export type DeadLetter = Schemas["DeadLetter"];
export type StorageUsage = Schemas["StorageUsage"];
export type StorageShare = Schemas["StorageUsage.Share"];
export type RetentionPreview = Schemas["RetentionPreview"];
export type RetentionClass = Schemas["RetentionPreview.Class"];
export type TemplateVersion = Schemas["TemplateVersion"];
export type TemplateDiff = Schemas["DiffTemplateVersionsResponse"];
