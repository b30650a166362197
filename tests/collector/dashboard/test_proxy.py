# SPDX-License-Identifier: MIT
"""The page behind nginx, whose default Host is the name of the upstream, and below a path: logins in Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.collector.dashboard.chromium import DEBS, chromium
from tests.collector.dashboard.running import PASSWORD, Client, certificate, site
from tests.collector.waiting import free_ports, wait_for

CONFIGURATION = """
daemon off; pid {0}/pid; worker_processes 1; user root;
events {{}}
http {{
    access_log off;
    client_body_temp_path {0}/1; proxy_temp_path {0}/2;
    fastcgi_temp_path {0}/3; uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
    server {{
        listen 127.0.0.1:{1} ssl; ssl_certificate {0}/tls.crt; ssl_certificate_key {0}/tls.key;
        location / {{ proxy_pass https://127.0.0.1:{2}; }}
        location /runs/ {{ proxy_pass https://127.0.0.1:{2}/; }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[Client]:
    """The system's, or the one that scripts/debs.sh unpacks."""
    folder.mkdir()
    crt, _ = certificate(folder)
    (port,) = free_ports(1)
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder, port, upstream), encoding="utf-8")
    libraries = ":".join(sorted({str(path.parent) for path in DEBS.rglob("*.so*")}))
    program = shutil.which("nginx") or DEBS / "usr/sbin/nginx"
    command = [program, "-e", folder / "errors", "-c", folder / "nginx.conf"]
    process = subprocess.Popen(command, env=os.environ | {"LD_LIBRARY_PATH": libraries})
    client = Client(port, crt)

    def up() -> bool:
        try:
            return client.ask("/login").status == 200
        except OSError:
            return False

    try:
        wait_for(up, "nginx does not come up")
        yield client
    finally:
        process.terminate()
        process.wait(20)


def test_login_behind_nginx(tmp_path: Path) -> None:
    with site(lambda *_: [{}], tmp_path / "site") as page, nginx(tmp_path / "nginx", page.port) as outside:
        here = f"https://localhost:{outside.port}"
        with chromium(tmp_path / "chromium") as tab:
            for path in ("/runs/", "/"):
                tab.open(here + path)
                tab.wait(f"location.pathname === '{path}login' && document.readyState === 'complete'")
                for field, text in (("name", "ada"), ("password", PASSWORD)):
                    tab.run(f"document.querySelector('[name={field}]').value = '{text}'")
                tab.run("document.querySelector('button').click()")
                tab.wait(f"location.pathname === '{path}'")
                assert tab.run("fetch('data/charts.json').then(answer => answer.status)") == 200
                tab.run("document.getElementById('logout').submit()")
                tab.wait(f"location.pathname === '{path}login'")
        evil = "https://evil.example"
        assert outside.log_in(Origin=evil, Sec_Fetch_Site="cross-site").status == 403
        assert [outside.log_in(Origin=origin).status for origin in (here, evil)] == [403, 403], "an older browser"
        page.server.origin = here
        assert [outside.log_in(Origin=origin).status for origin in (here, evil)] == [303, 403]
