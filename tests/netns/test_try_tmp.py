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
    try: m.until("small", lambda: m.together(["n1","n5"]), 12)
    except AssertionError as e: print(e)
    for n in m.nodes:
        for e in m.events(n):
            if e["atMs"]>t0-500 and e["what"].split(".")[0] in ("contact","leader","mode","plan","role","verified","instance"): print(n, e["atMs"]-t0, e["what"], e["about"], json.dumps(e["data"])[:150])
    import subprocess
    for n in ("n1","n5"):
        print(subprocess.run(["ip","netns","exec",m.lan.space(n),"ss","-tnoi"],capture_output=True,text=True).stdout[:3000])
        print(m._log(n).read_text()[-3000:])
