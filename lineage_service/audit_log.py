"""The access audit as a log that can be proved: its tables, and what guards them.

A revision that changes one of these triggers or functions changes its digest here; a test says to what.
"""

from services.evidence.log import Log

LOG = Log(
    table="lineage_accesses",
    subject_field="lineage_id",
    live="lineage_records",
    unaudited=(),
    live_id="lineage_id",
    has_details=True,
    derived=("access_count", "last_accessed_at"),
    functions="lineage_",
    guards={
        "function evidence_guard()": "dfedd8299847ca273b41e93e0b9a0eb38320fcc0bfb8fad271d168f90384238d",
        "function lineage_access_append()": "9d8d326cd4d6a508c70a1ec65f61bd0319e06f147aea9306b4ba58981469f456",
        "function lineage_access_guard()": "aa0fa27bd395e88e93110441299bb0267f6c5210ba3b38249ff8f9906e540751",
        "function lineage_expire(text,timestamp with time zone,uuid,integer)": "922685ed9269d376ff22edf4bb27740bb7ff4738a5c2f27e68436985fb85e3b4",
        "function lineage_forget_details(timestamp with time zone,integer)": "a54ebfdf3765f12106b4d8e6a4754291e12a3f6d4c05ae6d207b87ca1e9160e0",
        "function lineage_guard()": "9204c8c4d0004f78d181ebbbe2ecc09eb797dde9009229a52b12d82cb53ae934",
        "function lineage_lock()": "4b130e92e3a539ec7aecd2a4bd02ca67b403065319d25a4e5078675d536a4659",
        "function lineage_records_tell()": "832dd82825a12d2e00a0a63d51a52d45b17d098331f115302e80bf5f282bb69a",
        "trigger append on lineage_accesses": "7bb207b883939a8db15e1bf3a8807fd27427c66b189fa507999e4562d5135f5d",
        "trigger guard on evidence_logs": "e1a4762e12a1caefb7827c2825a0d2a6b0191ea7cb3b064dd7b27f9f709e9978",
        "trigger guard on lineage_accesses": "a780547e7a3265d8aa2bae881ee942b60c4de7e9509816d84976ac274ab88d93",
        "trigger guard on lineage_accesses_checkpoints": "52099df5b5c03e8541e5bae3402b90004b24fcb81644e24246bd1ea5d78e0f24",
        "trigger guard on lineage_accesses_tree": "c796e24d0180b9604e5092e18058b36aaee6ca03c44b1a817d8818127f4ff6c1",
        "trigger guard on lineage_records": "52eac33ba4890d9e183fb5b8c12ac87dca6cc5a7cacd6d683c904532ef6e70ad",
        "trigger lineage_records_tell on lineage_records": "44d74627a866ca5b4b6ae107ebe1864d932c72cc711549bb0c76d6e95bde0e1f",
        "trigger no_delete on lineage_accesses": "797bf47df167cdaa2258e7f805891accf2cc08251e329a7684eff79ec2e79d01",
        "trigger no_truncate on lineage_accesses": "5526351921e1b983a2a12a746745915a4e3d084dd5d79082d9b43572f7cf8f86",
        "trigger no_truncate on lineage_records": "b2b5a12208f171eff929e5f5fb675bc51bd6728ec585dbc77e93fa1be051e5e6",
    },
)
