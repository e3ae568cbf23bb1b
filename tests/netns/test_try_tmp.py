import time, json
import pytest
from tests.netns.conftest import *
from tests.netns.machines import *
from skerry.shell.clock import boot_ms
@pytest.mark.timeout(150)
def test_x(make):
    m = make(5)
    m.start(*m.nodes)
    m.until("agreed", lambda: m.together(m.nodes), 40)
    m.until("satisfied", lambda: (s:=m.together(m.nodes)) and state(s)=="satisfied", 40)
    t0=boot_ms()
    m.lan.split("n1","n5")
    import time
    for k in range(12):
        time.sleep(1)
        pid=m._agents["n1"].pid
        out=[]
        for t in os.listdir(f"/proc/{pid}/task"):
            b=f"/proc/{pid}/task/{t}/"
            out.append((open(b+"comm").read().strip(), open(b+"wchan").read()))
        print(k, sorted(out))
