"""What is wrong with a store is said with the file's name and a remedy."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from reid.errors import StoreError
from reid.store_file import connect
from tests.reid.stored import decision, opened, tracklet
from tests.shared_data import ROOT


@pytest.fixture
def path(tmp_path):
    return tmp_path / "identities.db"


def filled(path, count=300):
    with closing(opened(path)) as store:
        tracks = range(1, count)
        store.write(0, [decision(t, t) for t in tracks], [tracklet(t, 1, exemplars=9) for t in tracks])


def test_a_file_that_is_no_database(path):
    path.write_text("identity,camera\n" * 500)
    with pytest.raises(StoreError, match=r"identities\.db: damaged, or no identity store .*\.recover"):
        opened(path)
    assert path.read_text().startswith("identity,camera")


def test_a_database_of_somebody_else(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE photos (id)")
    for attempt in (lambda: opened(path), lambda: connect(path, write=False)):
        with pytest.raises(StoreError, match="is no identity store; choose another path"):
            attempt()


def test_a_newer_format(path):
    filled(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"made by a newer version \(format 99.*update this program"):
        opened(path)


@pytest.mark.parametrize("killed", [True, False])
def test_a_damaged_file(path, killed):
    filled(path)
    if killed:
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE runs SET finished = NULL")
            db.commit()
    content = bytearray(path.read_bytes())
    for page in range(20, 60):
        content[page * 4096 : page * 4096 + 200] = os.urandom(200)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), closing(opened(path)) as store:
        store.known(1000, 1000)


def test_a_second_run_on_the_same_store(path):
    with closing(opened(path)), pytest.raises(StoreError, match="another run writes to this store"):
        opened(path)
    opened(path).close()  # the lock went with the first one


def test_a_run_that_was_killed_leaves_no_lock(path):
    code = "import os; from pathlib import Path; from tests.reid.stored import opened;"
    code += f"store = opened(Path({str(path)!r})); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert path.exists()
    opened(path).close()


def test_a_full_disk(path):
    with closing(opened(path)) as store:
        store._db.execute(
            f"PRAGMA max_page_count = {store._db.execute('PRAGMA page_count').fetchone()[0]}"
        ).fetchall()
        with pytest.raises(StoreError, match="the disk is full; free some space, or lower max_mb"):
            store.write(
                0, [decision(t, t) for t in range(1, 99)], [tracklet(t, 1, exemplars=60) for t in range(1, 99)]
            )
        store._links, store._tracklets = [], {}


def test_a_file_that_may_not_grow(path):
    """What a quota does: the system refuses the bytes."""
    code = f"""
import resource, signal
from pathlib import Path
from tests.reid.stored import decision, opened, tracklet
from reid.errors import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = opened(Path({str(path)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    store.write(0, [decision(t, t) for t in range(1, 99)], [tracklet(t, 1, exemplars=60) for t in range(1, 99)])
except StoreError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=60, capture_output=True, text=True, check=False
    )
    assert f"{path}: cannot be read or written" in result.stdout, result.stderr
    assert "look at the disk and its free space" in result.stdout


@pytest.mark.parametrize("place", ["none/identities.db", "file/identities.db"])
def test_a_folder_that_is_none(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"identities\.db: .*look at the path, its rights"):
        opened(tmp_path / place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    filled(tmp_path / "identities.db")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="Permission denied; look at the path, its rights"):
            opened(tmp_path / "identities.db")
        connect(tmp_path / "identities.db", write=False).close()
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_as_a_store(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        opened(tmp_path)


def test_a_store_that_is_not_there_to_read(path):
    with pytest.raises(StoreError, match="there is no such file; name an identities"):
        connect(path, write=False)
    assert not path.exists()
