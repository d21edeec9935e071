"""Nothing is lost, doubled or hanging when a program that records forks."""

from collections import Counter

from tests.trace.export.bench import finished
from tests.trace.export.scripted_server import Reply

CHILD = """
def fork(work):
    child = os.fork()
    if child == 0:
        try:
            exporter.after_fork_in_child()
            work()
        finally:
            os._exit(0)
    return child

def wait(*children):
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def steps(server) -> Counter[str]:
    return Counter(event["stepId"] for event in server.accepted if event["type"] == "step")


def test_parent_and_child_send_their_own_and_nothing_of_each_other(bench, server):
    program = bench.program(
        CHILD
        + """
def work():
    exporter.put(step("child", part(b"c")))
    assert exporter.shutdown(20).pending == 0
exporter.put(step("before", part(b"b")))
child = fork(work)
exporter.put(step("after", part(b"a")))
wait(child)
result = exporter.shutdown(20)
print(result.delivered, result.pending, result.dropped)
"""
    )
    assert finished(program).strip() == "4 0 {}"
    assert steps(server) == {"before": 1, "child": 1, "after": 1}
    assert bench.files() == []


def test_the_childs_books_begin_without_what_is_the_parents(bench, server):
    server.always = Reply(503)
    program = bench.program(
        CHILD
        + """
def work():
    now = stats.snapshot()
    print(now.pending, now.recorded + now.adopted == now.delivered + now.handed_over, flush=True)
    exporter.put(step("child"))
    print(stats.snapshot().pending, flush=True)
exporter.put(step("before"))
wait(fork(work))
os._exit(0)
"""
    )
    assert finished(program).split() == ["0", "True", "1"]


def test_a_child_that_dies_leaves_its_records_to_the_living(bench, server):
    program = bench.program(
        CHILD
        + """
exporter.put(step("before"))
wait(fork(lambda: exporter.put(step("child"))))
assert exporter.shutdown(20).pending == 0
exporter.put(step("again"))
assert exporter.shutdown(20).pending == 0
"""
    )
    finished(program)
    assert steps(server) == {"before": 1, "child": 1, "again": 1}


def test_a_parent_that_dies_leaves_its_records_to_the_living_child(bench, server):
    program = bench.program(
        CHILD
        + """
read_end, write_end = os.pipe()
def work():
    os.close(write_end)
    os.read(read_end, 1)
    exporter.put(step("child"))
    exporter.shutdown(20)
exporter.put(step("parent"))
fork(work)
os._exit(0)
"""
    )
    program.communicate(timeout=60)
    assert steps(server) == {"parent": 1, "child": 1}


def test_forking_while_threads_record_hangs_nobody_and_loses_nothing(bench, server):
    program = bench.program(
        CHILD
        + """
counts = [0] * 4
def record(thread):
    for number in range(2000):
        exporter.put(step(f"parent-{thread}-{number}", part(os.urandom(200))))
        counts[thread] += 1
threads = [threading.Thread(target=record, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
def work(number):
    for n in range(20):
        exporter.put(step(f"child-{number}-{n}"))
    exporter.shutdown(20)
children = []
for number in range(12):
    children.append(fork(lambda: work(number)))
for thread in threads:
    thread.join()
wait(*children)
assert exporter.shutdown(40).pending == 0
print(sum(counts))
""",
        max_spool_bytes=2_000_000_000,
    )
    recorded = int(finished(program, 120))
    found = steps(server)
    assert set(found.values()) == {1}
    assert sum(name.startswith("child") for name in found) == 12 * 20
    assert sum(name.startswith("parent") for name in found) == recorded


def test_what_a_child_still_holds_of_the_parents_journal_cannot_be_written(bench, server):
    program = bench.program(
        CHILD
        + """
exporter.put(step("parent"))
write = exporter._pipeline.queue._open.write
def work():
    try:
        write(b"x")
    except ValueError:
        print("refused", flush=True)
wait(fork(work))
assert exporter.shutdown(20).pending == 0
"""
    )
    assert finished(program).strip() == "refused"
    assert steps(server) == {"parent": 1}


def test_a_child_counts_what_its_parent_left_before_a_shutdown_as_taken_over(bench, server):
    server.always = Reply(503)
    program = bench.program(
        CHILD
        + """
exporter.put(step("left"))
exporter.shutdown(20)
print("left", flush=True)
while not (config.spool_dir / "go").exists():
    time.sleep(0.01)
def work():
    exporter.put(step("child"))
    exporter.flush(20)
    now = stats.snapshot()
    print(now.adopted, now.delivered, now.pending, flush=True)
    exporter.shutdown(5)
wait(fork(work))
os._exit(0)
""",
        max_attempts=1,
    )
    assert program.stdout.readline() == b"left\n"
    server.always = None
    (bench.spool_dir / "go").touch()
    assert finished(program).strip() == "1 2 0"
