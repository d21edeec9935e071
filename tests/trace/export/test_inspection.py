from tests.trace.export.bench import finished, step, wait_until
from tests.trace.export.scripted_server import Reply
from xray_trace.export.inspection import flush_spool, purge, spool_entries

LEAVE = "exporter.put(step('s1', part(b'x' * 30_000))); exporter.flush(20); exporter.put(step('s2')); os._exit(0)"


def test_nothing_is_made_by_looking(bench):
    assert spool_entries(bench.config()) == []
    assert purge(bench.config()) == 0
    assert not bench.spool_dir.exists()


def test_each_file_is_listed_with_its_owner_alive_or_not(bench, server):
    server.always = Reply(401)
    finished(bench.program(LEAVE))
    exporter, _ = bench.exporter(api_key="key-2")
    exporter.put(step("mine"))
    dead = [entry for entry in spool_entries(bench.config()) if not entry.alive]
    living = [entry for entry in spool_entries(bench.config()) if entry.alive]
    assert sorted((e.kind, e.events) for e in dead if e.events) == [("batch", 1), ("blob", 1), ("journal", 1)]
    assert {e.destination for e in dead} == {bench.config().destination}
    assert {e.destination for e in living} == {bench.config(api_key="key-2").destination}
    assert all(entry.bytes > 0 and entry.age_seconds >= 0 for entry in dead + living)


def test_purging_deletes_what_the_dead_left_for_this_destination_alone(bench, server):
    server.always = Reply(401)
    exporter, _ = bench.exporter()
    exporter.put(step("mine"))
    exporter.flush(20)  # it has looked for what the dead left by then
    finished(bench.program(LEAVE))
    assert purge(bench.config(api_key="key-2")) == 0
    assert purge(bench.config()) >= 3
    assert all(entry.alive for entry in spool_entries(bench.config()))
    server.always = None
    assert exporter.flush(20).delivered == 1


def test_flushing_the_spool_sends_what_the_dead_left(bench, server):
    server.always = Reply(401)
    finished(bench.program(LEAVE))
    server.always = None
    result = flush_spool(bench.config(), 20)
    assert (result.delivered, result.pending) == (3, 0)
    assert spool_entries(bench.config()) == []


def test_flushing_takes_nothing_away_for_the_quota_however_much_the_dead_left(bench, server):
    server.always = Reply(401)
    leave = """
for number in range(10):
    exporter.put(step(sys.argv[1] + str(number), part(os.urandom(90_000))))
exporter.flush(20)
time.sleep(60)
"""
    programs = [bench.program(leave, name, max_spool_bytes=4_000_000) for name in ("a", "b", "c")]
    wait_until(lambda: bench.waiting() == 60, what="what the programs record")
    for program in programs:  # now, so that none takes over from another
        program.kill()
        program.communicate(timeout=20)
    result = flush_spool(bench.config(max_spool_bytes=1_000_000), 20)
    assert (result.delivered, result.pending, result.dropped) == (0, 60, {})
    server.always = None
    result = flush_spool(bench.config(max_spool_bytes=1_000_000), 20)
    assert (result.delivered, result.pending, result.dropped) == (60, 0, {})
