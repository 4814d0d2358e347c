"""Routing: offers to several workers, and rejections."""

from tests.sandbox.routing_api import Floor, simple


async def test_several_workers_are_reserved_and_the_first_to_accept_gets_it(floor: Floor) -> None:
    await simple(floor, MaxReservedWorkers=3)
    for name in ("Ada", "Bob", "Cid", "Dan"):
        floor.hire(name)
    task = await floor.task()
    assert await floor.offered(task) == ["Ada", "Bob", "Cid"]
    await floor.turn(task, "accepted", "Bob")
    found = {r["worker_name"]: r["reservation_status"] for r in await floor.reservations(task)}
    assert found == {"Ada": "rescinded", "Bob": "accepted", "Cid": "rescinded"}
    assert await floor.status(task) == "assigned"
    other = await floor.task()
    assert await floor.offered(other) == ["Dan", "Ada", "Cid"]


async def test_a_task_offered_to_few_goes_on_being_offered_but_to_nobody_twice(
    floor: Floor,
) -> None:
    await simple(floor, MaxReservedWorkers=2)
    floor.hire("Ada")
    task = await floor.task()
    assert await floor.offered(task) == ["Ada"]
    floor.hire("Bob")
    assert await floor.offered(task) == ["Ada", "Bob"]
    await floor.turn(task, "rejected", "Bob")
    assert await floor.offered(task) == ["Ada"]
    behind = await floor.task()
    assert await floor.offered(behind) == ["Bob"]
    await floor.turn(task, "rejected", "Ada")
    assert await floor.offered(task) == ["Ada"]
    assert len(await floor.reservations(task)) == 3


async def test_more_reserved_workers_are_allowed_at_once(floor: Floor) -> None:
    queue, other = await simple(floor), await floor.queue("Other", "1==2")
    await floor.task(TaskQueueSid=other["sid"])
    floor.hire("Ada")
    floor.hire("Bob")
    task = await floor.task()
    assert await floor.offered(task) == ["Ada"]
    await floor.api("POST", queue["url"], {"MaxReservedWorkers": 2})
    assert await floor.offered(task) == ["Ada", "Bob"]


async def test_who_rejects_may_get_it_again_unless_not_available(floor: Floor) -> None:
    await simple(floor)
    floor.hire("Ada")
    task = await floor.task()
    await floor.turn(task, "rejected")
    assert await floor.offered(task) == ["Ada"]
    (*_, last) = await floor.reservations(task)
    offline = (await floor.api.listed("/Activities", FriendlyName="Offline"))[0]["sid"]
    form = {"ReservationStatus": "rejected", "WorkerActivitySid": offline}
    await floor.api("POST", last["url"], form)
    assert await floor.place(task) == ("pending", "Q")


async def test_what_a_leaving_worker_rejects_goes_to_others(floor: Floor) -> None:
    await simple(floor)
    ada = floor.hire("Ada")
    task = await floor.task()
    floor.hire("Bob")
    offline = (await floor.api.listed("/Activities", FriendlyName="Offline"))[0]["sid"]
    form = {"ActivitySid": offline, "RejectPendingReservations": "true"}
    await floor.api("POST", f"/Workers/{ada}", form)
    assert await floor.offered(task) == ["Bob"]


async def test_when_all_have_rejected_a_task_all_may_get_it_again(floor: Floor) -> None:
    await simple(floor, MaxReservedWorkers=2)
    floor.hire("Ada")
    floor.hire("Bob")
    task = await floor.task()
    for name in ("Ada", "Bob"):
        await floor.turn(task, "rejected", name)
    assert sorted(await floor.offered(task)) == ["Ada", "Bob"]
