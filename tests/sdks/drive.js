// Twilio's library for Node.js through a life of TaskRouter; only its base URL is overridden.
const assert = require("node:assert/strict");
const twilio = require("twilio");

const [, , url, accountSid, authToken] = process.argv;
const client = twilio(accountSid, authToken, { accountSid });
client.taskrouter.baseUrl = url;
const pause = () => new Promise((done) => setTimeout(done, 50));

async function refused(call, status, code) {
  await assert.rejects(call, (error) => {
    assert.equal(error.status, status);
    assert.equal(error.code, code);
    assert.match(error.moreInfo, /^https:\/\/www\.twilio\.com\/docs\/errors\/\d+$/);
    return true;
  });
}

async function offered(task) {
  for (let turn = 0; turn < 100; turn++) {
    const found = await task.reservations.list({ reservationStatus: "pending" });
    if (found.length) return found[0];
    await pause();
  }
  assert.fail("no reservation came");
}

async function main() {
  const made = await client.taskrouter.v1.workspaces.create({ friendlyName: "Judged" });
  assert.match(made.sid, /^WS[0-9a-f]{32}$/);
  assert.ok(made.dateCreated instanceof Date && !isNaN(made.dateCreated));
  const workspace = client.taskrouter.v1.workspaces(made.sid);

  const queue = await workspace.taskQueues.create({
    friendlyName: "Spanish",
    targetWorkers: 'languages HAS "es"',
  });
  const target = { queue: queue.sid, priority: "3", timeout: 60 };
  const routing = {
    filters: [{ expression: 'language == "es"', targets: [target] }],
    default_filter: { queue: queue.sid },
  };
  const workflow = await workspace.workflows.create({
    friendlyName: "By language",
    configuration: JSON.stringify({ task_routing: routing }),
    taskReservationTimeout: 30,
  });
  assert.equal(workflow.taskReservationTimeout, 30);
  const [available] = await workspace.activities.list({ available: "true" });
  const worker = await workspace.workers.create({
    friendlyName: "Ana",
    activitySid: available.sid,
    attributes: JSON.stringify({ languages: ["es"] }),
  });
  assert.equal(worker.available, true);
  const channel = await workspace.workers(worker.sid).workerChannels("default").update({ capacity: 1 });
  assert.equal(channel.configuredCapacity, 1);

  const task = await workspace.tasks.create({ attributes: JSON.stringify({ language: "es" }) });
  assert.equal(task.assignmentStatus, "pending");
  assert.equal(task.priority, 3);
  const place = workspace.tasks(task.sid);
  const reservation = await offered(place);
  assert.equal(reservation.workerSid, worker.sid);
  const accepted = await workspace
    .workers(worker.sid)
    .reservations(reservation.sid)
    .update({ reservationStatus: "accepted" });
  assert.equal(accepted.reservationStatus, "accepted");
  assert.equal((await place.fetch()).assignmentStatus, "assigned");
  const ended = await place.update({ assignmentStatus: "completed", reason: "done" });
  assert.equal(ended.reason, "done");
  await refused(place.update({ assignmentStatus: "completed", reason: "again" }), 400, 20001);

  await workspace.workers(worker.sid).update({
    activitySid: (await workspace.activities.list({ friendlyName: "Offline" }))[0].sid,
  });
  for (let n = 0; n < 7; n++) {
    await workspace.tasks.create({ attributes: JSON.stringify({ n }), priority: n % 2 });
  }
  const waiting = await workspace.tasks.list({ assignmentStatus: ["pending"], pageSize: 3 });
  assert.equal(waiting.length, 7);
  assert.equal(new Set(waiting.map((each) => each.sid)).size, 7);
  assert.equal((await workspace.tasks.list({ pageSize: 2, limit: 5 })).length, 5);
  const page = await workspace.tasks.page({ pageSize: 4 });
  assert.equal(page.instances.length, 4);
  assert.equal((await page.nextPage()).instances.length, 4);
  assert.equal((await workspace.tasks.list({ evaluateTaskAttributes: "n IN [2, 4]" })).length, 2);
  const ordered = await workspace.tasks.list({ ordering: "Priority:desc,DateCreated:asc" });
  assert.equal(ordered[0].sid, task.sid);

  const first = waiting[0];
  await workspace.tasks(first.sid).update({ priority: 9, ifMatch: '"0"' });
  await refused(workspace.tasks(first.sid).update({ priority: 8, ifMatch: '"0"' }), 412, 20412);
  await refused(workspace.tasks(`WT${"0".repeat(32)}`).fetch(), 404, 20404);
  await refused(workspace.tasks.create({ priority: -1 }), 400, 20001);
  assert.equal(await workspace.tasks(first.sid).remove(), true);
  await refused(workspace.tasks(first.sid).fetch(), 404, 20404);

  const now = await workspace.realTimeStatistics().fetch();
  assert.equal(now.tasksByStatus.pending, 6);
  assert.equal(now.totalWorkers, 1);
  const past = await workspace.cumulativeStatistics().fetch({ minutes: 5, splitByWaitTime: "5,30" });
  assert.equal(past.tasksCreated, 8);
  assert.equal(past.reservationsAccepted, 1);
  assert.equal(past.splitByWaitTime["5"].below.reservations_accepted, 1);
  const events = await workspace.events.list({ eventType: "reservation.accepted" });
  assert.equal(events.length, 1);
  assert.equal(events[0].eventData.task_sid, task.sid);
  assert.equal(await workspace.remove(), true);
  await refused(workspace.fetch(), 404, 20404);
  console.log("faithful");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
