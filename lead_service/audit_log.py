"""The audit of leads as a log that can be proved: its tables, and what guards them.

A revision that changes one of these triggers or functions changes its digest here; a test says to what.
"""

from services.evidence.log import Log

LOG = Log(
    table="lead_audit",
    subject_field="lead_id",
    live="leads",
    unaudited=(),
    guards={
        "function evidence_guard()": "dfedd8299847ca273b41e93e0b9a0eb38320fcc0bfb8fad271d168f90384238d",
        "function lead_audit_append(uuid,boolean,text,text,text,jsonb,jsonb,jsonb)": "456f5bff83096120c1fdb67ae8864e08d924908a987ada554f7b9102ebca5fb2",
        "function lead_audit_call(uuid,text,text,text)": "6b26bef3f7d2011fcf64fe8e1787eb6eac7993470c166fdfe3d63413d055ccbb",
        "function lead_audit_change()": "9e119c84f44fa506dd145ee7dfe88b0879a119aaddb5b63368a702ae90608860",
        "function lead_audit_erase(uuid)": "b5785734d14f2bc90fc2ed5f48ed7757c4353b300a11a917388518d8bd99a1a4",
        "function lead_audit_guard()": "f468b6420ea0320d80e8e021bc498dde68f5e50a14fd3fad460ec556602a36ef",
        "function lead_changed()": "b963f80b3a7da2808aaf25ec5ebf5c003c06574a48355b0b44189ef91946832d",
        "function lead_untouched()": "ed70528262526243c566493497139971e739ac3a1decba0ee383e2d7c0a3e962",
        "trigger audit on leads": "b3cbb5400447a0c0a602dbadf2d1b697f8d1c74373522989fd4623c40991df18",
        "trigger guard on evidence_logs": "e1a4762e12a1caefb7827c2825a0d2a6b0191ea7cb3b064dd7b27f9f709e9978",
        "trigger guard on lead_audit": "c3efbec08fba7b765c186ffaeca330305fbdc2ac81772fc3ec5faf417e3c03d7",
        "trigger guard on lead_audit_checkpoints": "ac7a45f85eee9da8c4fd9602378fd2097143a3883804306830ef07f3b512c414",
        "trigger guard on lead_audit_tree": "2cbf1cf5570189dc001f4c39372e7d41648981de5b8b1f11b7a50e466f676bd9",
        "trigger hint on leads": "0ee4c054e956a145b8fa8e2d8be9220739c516c0019dd2083f25531d9a0f0f82",
        "trigger no_truncate on lead_audit": "6bb99cd7d0db87e190d9963cdda0146feb34792b9dc88a70a3c928fd04086508",
        "trigger no_truncate on leads": "9c709120f2cd60cc3716a6fd714eff78efe362fb6d54f0c1805c15f4406862fc",
        "trigger untouched on leads": "8a8a881723e09f85e86c54f69db07a72cf3f91a195464b4dc3b4566fb1314d14",
    },
)
