import time, threading
import pytest
from faults.test_connections import *
@pytest.mark.parametrize("nth", [2,4,6,7,8,9,10])
@pytest.mark.parametrize("moment", [Moment.UNSENT, Moment.DONE], ids=lambda m: m.name.lower())
def test_h(moment, nth, project, proxy, quiet):
    proxy.when(AtCommit(moment, nth), proxy.half_open)
    t = time.time()
    p = project.start(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    lines = []
    for line in p.stderr: lines.append(f"{time.time()-t:.2f} {line}")
    p.wait()
    print("RES", moment.name, nth, f"{time.time()-t:.2f}", proxy.has_happened(), lines)
