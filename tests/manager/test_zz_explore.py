import logging
from support.interruptions import *
from support.workbench import *
import pytest
PIPE="""
target: {table: t, key: k, columns: {k: k, v: v}, on_duplicate: %s, on_conflict: %s}
chunk_size: 3
"""
ROWS = ["1,a","2,b","x,c","1,d","3,e","4,f","2,g","1,h","5,i","6,j","y,k"]
SETUP="CREATE TABLE t (k int PRIMARY KEY, v text)"
@pytest.mark.parametrize("dup",["last","first","error"])
@pytest.mark.parametrize("con",["update","ignore","error"])
def test_x(workbench, dup, con, caplog):
    b=workbench
    b.sql(SETUP)
    b.pipeline("p", PIPE%(dup,con))
    f=b.file("data/p.csv", csv_text("k,v", ROWS))
    old="INSERT INTO t VALUES (3,'old'),(6,'old'),(2, 'old')"
    b.sql(old)
    with b.manager() as m:
        m.run_pipeline("p", f)
        want=final_state(b,"t")
        print(want)
        for how in ("int","dead"):
          for n in (1,2,3,4):
            emptied(b,"t"); b.sql(old)
            if how=="int":
                s=m.run_pipeline("p", f, **interrupted_after(n))
                print(s)
            else:
                killed_run(b, lambda **w: m.run_pipeline("p", f, **w), n)
                m.rescue_batches()
            [(bid,)]=b.sql("select id::text from import_batches")
            print(check_accounts(b,bid))
            s=m.run_pipeline("p",f) if n%2 else m.resume_batch(bid) if s.status!="completed" else None
            got=final_state(b,"t")
            assert got==want
            print(caplog.text, logged(b,bid))
