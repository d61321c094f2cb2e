"""The audit of leads as a log that can be proved: its tables, and what guards them.

A revision that changes one of these triggers or functions changes its digest here; a test says to what.
"""

from services.evidence.log import Log

LOG = Log(
    table="lead_audit",
    subject_field="lead_id",
    live="leads",
    unaudited=("updated_at",),
    guards={
        "function evidence_guard()": "dfedd8299847ca273b41e93e0b9a0eb38320fcc0bfb8fad271d168f90384238d",
        "function lead_audit_append(uuid,boolean,text,text,text,jsonb,jsonb)": "c7caf2058d63f905949622b8f318d044f701f91ea72d15c976744019b32aee72",
        "function lead_audit_call(uuid,text,text,text)": "559a371cea2266a025fd502d5f4cc17696497c5e382a3d4287b38a7e744fbdee",
        "function lead_audit_change()": "1c69697558bb88f2f741651007974f8eee8c2f30894e58a539555c9e76066058",
        "function lead_audit_erase(uuid)": "1a0b58be42340b9bb2f9013b1ebcf02a130e45ab3a12324dde43b915aacfb329",
        "function lead_audit_guard()": "c00bbe9bc8340d88a0d13d6df5aa339078033459d33a902bafd2f01088f8a922",
        "trigger audit on leads": "172dbc11c0475ec161d3d858f63fc78a880dbf0db25b08f92dfc1ce9c96abe54",
        "trigger guard on evidence_logs": "e1a4762e12a1caefb7827c2825a0d2a6b0191ea7cb3b064dd7b27f9f709e9978",
        "trigger guard on lead_audit": "c3efbec08fba7b765c186ffaeca330305fbdc2ac81772fc3ec5faf417e3c03d7",
        "trigger guard on lead_audit_checkpoints": "ac7a45f85eee9da8c4fd9602378fd2097143a3883804306830ef07f3b512c414",
        "trigger guard on lead_audit_tree": "2cbf1cf5570189dc001f4c39372e7d41648981de5b8b1f11b7a50e466f676bd9",
        "trigger no_truncate on lead_audit": "6bb99cd7d0db87e190d9963cdda0146feb34792b9dc88a70a3c928fd04086508",
        "trigger no_truncate on leads": "9c709120f2cd60cc3716a6fd714eff78efe362fb6d54f0c1805c15f4406862fc",
    },
)
