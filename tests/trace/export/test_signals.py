"""What a signal handler raises is the program's, whatever class it is and wherever it strikes."""

import pytest

from tests.trace.export.bench import finished
from tests.trace.export.scripted_server import Reply


@pytest.mark.parametrize("kind", ["TimeoutError", "RuntimeError", "ValueError"])
def test_what_a_signal_handler_raises_while_a_record_is_kept_reaches_the_program(bench, server, kind):
    server.always = Reply(401)
    program = bench.program(
        """
        import random
        raised = caught = 0

        def handler(*_):
            global raised
            raised += 1
            raise OURS("the program's own")

        def record_until_the_alarm():
            began = raised
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 2e-3))
            while raised == began:
                exporter.put(step("s", part(b"x" * 30_000)))

        signal.signal(signal.SIGALRM, handler)
        exporter.put(step("first"))
        while raised < 150:
            try:
                record_until_the_alarm()
            except OURS:
                caught += 1
        print(raised - caught)
        os._exit(0)
        """.replace("OURS", kind),
        max_spool_bytes=1_000_000_000,
    )
    assert finished(program).strip() == "0"
