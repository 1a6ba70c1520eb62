from support.command_line import *
from support.interruptions import *
import pytest
def test_x(command_line):
    c=command_line
    name=c.people()
    c.bench.pipeline(name, PEOPLE+"chunk_size: 2\nlimits: {max_failed: 3}\n")
    rows="".join(f"p{n}@x.org,P{n}\n" if n not in (1,5) else "bad,B\n" for n in range(7))
    f=c.bench.file("people.csv","email,name\n"+rows)
    def show(*w):
        s=c.ri(*w); print("$ ri",*w,"->",s.code); print(s.out); print("ERR:",s.err); return s
    show("resume"); show("rescue"); show("rescue","--json")
    with c.bench.manager() as m:
        b=m.run_pipeline(name,f,**interrupted_after(1)).batch_id
    show("status",b)
    show("status")
    show("resume","--json")
    show("resume",b)
    show("abandon",b)
    with c.bench.manager() as m:
        b=killed_run(c.bench, lambda **w: m.run_pipeline(name,f,new_batch=True,**w),1)
    show("status")
    show("status",b)
    show("rescue")
    show("abandon",b[:8],"--reason","wrong file")
    show("status",b)
    show("resume",b)
    with c.bench.manager() as m:
        b=killed_run(c.bench, lambda **w: m.run_pipeline(name,f,new_batch=True,**w),1)
    show("rescue","--json")
    show("run",name,"people.csv")
    c.bench.file("hooks/people.py","""
import os,signal
def validate_item(item, ctx):
    if item.index==3: os.kill(os.getpid(), signal.SIGTERM)
    return True
""")
    show("run",name,"people.csv")
    show("run",name,"people.csv","--json")
    show("resume", "zz")
    show("resume", "--max-failed", "a lot")
    show("resume", "--max-failed", "101%")
    show("resume", "--max-failed", "999%")
    show("resume", "--max-failed", "-1")
    show("resume", "--give-up-after", "-1")
    show("abandon")
