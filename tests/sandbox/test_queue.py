import asyncio

from aiotask.sandbox.callbacks.queue import Queue, Running


class Work:
    """A queue whose items a test lets end one by one."""

    def __init__(self, *, at_once: int, most: int) -> None:
        self.begun: list[int] = []
        self.lost = 0
        self.running: Running = set()
        self.gate = asyncio.Semaphore(0)
        self.queue = Queue(self.do, self.running, self.lose, at_once=at_once, most=most)

    async def do(self, item: int) -> None:
        self.begun.append(item)
        await self.gate.acquire()

    def lose(self, count: int) -> None:
        self.lost += count

    def put(self, *items: int) -> None:
        for item in items:
            self.queue.put(item, asyncio.get_running_loop())

    async def end(self) -> None:
        while self.running:
            self.gate.release()
            await asyncio.sleep(0)


async def test_so_many_are_worked_on_at_once_in_their_order() -> None:
    work = Work(at_once=3, most=100)
    work.put(*range(10))
    await asyncio.sleep(0)
    assert work.begun == [0, 1, 2]
    await work.end()
    assert work.begun == list(range(10))
    assert work.lost == 0


async def test_what_comes_just_when_the_last_has_ended_is_worked_on() -> None:
    loop, done, running = asyncio.get_running_loop(), [], Running()

    async def do(item: int) -> None:
        done.append(item)
        if item < 5:
            # It is put after the queue was found empty, and before the loop says so.
            loop.call_soon(queue.put, item + 1, loop)

    queue = Queue(do, running, done.append, at_once=1, most=10)
    queue.put(0, loop)
    while running:
        await asyncio.wait(running)
    assert done == [0, 1, 2, 3, 4, 5]


async def test_who_is_canceled_gives_up_what_waits() -> None:
    work = Work(at_once=1, most=3)
    work.put(0)
    await asyncio.sleep(0)
    work.put(*range(1, 8))
    assert work.lost == 4
    for task in work.running:
        task.cancel()
    await asyncio.gather(*work.running, return_exceptions=True)
    assert (work.lost, work.begun, work.running) == (7, [0], set())
    work.put(8)
    await work.end()
    assert work.begun == [0, 8]
