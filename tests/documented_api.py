"""Twilio's descriptions of its API, written down by hand: every operation, and every resource.

An operation is the way to it in the tree of the client and its verb; then its request (``...`` is
``/v1/Workspaces/{WorkspaceSid}``), what it answers with, and whether that has an ETag; then its
parameters. A kind is s for text, i integer, f number, b boolean, d date, j JSON as text, o object,
l object of links, h header, * several, [ ] list, { } object by key, ! required, or the name of
another resource.

The description is departed from, on purpose, where its own text or examples say better: text that
means true or false is b, the documents in text are j, an average is f (its example is 0.0), what
is an object without a shape has that of its example, the body of the bulk statistics is that of
their page (https://www.twilio.com/docs/taskrouter/api/taskqueue-statistics), and a reservation has
its ETag in the worker's view too, as the list there and If-Match say.
"""

OPERATIONS = """
assistant.tasks create
    POST /v1/Assistants/{AssistantSid}/Tasks -> AutopilotTask
    UniqueName:s! FriendlyName:s Actions:j ActionsUrl:s
assistant.tasks fetch
    GET /v1/Assistants/{AssistantSid}/Tasks/{Sid} -> AutopilotTask
assistant.tasks update
    POST /v1/Assistants/{AssistantSid}/Tasks/{Sid} -> AutopilotTask
    FriendlyName:s UniqueName:s Actions:j ActionsUrl:s
assistant.tasks delete
    DELETE /v1/Assistants/{AssistantSid}/Tasks/{Sid}
assistant.tasks list
    GET /v1/Assistants/{AssistantSid}/Tasks -> [AutopilotTask]
workspace.activities create
    POST .../Activities -> Activity
    FriendlyName:s! Available:b
workspace.activities fetch
    GET .../Activities/{Sid} -> Activity
workspace.activities update
    POST .../Activities/{Sid} -> Activity
    FriendlyName:s
workspace.activities delete
    DELETE .../Activities/{Sid}
workspace.activities list
    GET .../Activities -> [Activity]
    FriendlyName:s Available:b
workspace.cumulative_statistics fetch
    GET .../CumulativeStatistics -> WorkspaceCumulativeStatistics
    EndDate:d Minutes:i StartDate:d TaskChannel:s SplitByWaitTime:s
workspace.events fetch
    GET .../Events/{Sid} -> Event
workspace.events list
    GET .../Events -> [Event]
    EndDate:d EventType:s Minutes:i ReservationSid:s StartDate:d TaskQueueSid:s TaskSid:s
    WorkerSid:s WorkflowSid:s TaskChannel:s Sid:s
workspace.real_time_statistics fetch
    GET .../RealTimeStatistics -> WorkspaceRealTimeStatistics
    TaskChannel:s
workspace.statistics fetch
    GET .../Statistics -> WorkspaceStatistics
    Minutes:i StartDate:d EndDate:d TaskChannel:s SplitByWaitTime:s
workspace.task.reservations fetch
    GET .../Tasks/{TaskSid}/Reservations/{Sid} -> Reservation ETag
workspace.task.reservations update
    POST .../Tasks/{TaskSid}/Reservations/{Sid} -> Reservation ETag
    If-Match ReservationStatus:s WorkerActivitySid:s Instruction:s DequeuePostWorkActivitySid:s
    DequeueFrom:s DequeueRecord:s DequeueTimeout:i DequeueTo:s DequeueStatusCallbackUrl:s
    CallFrom:s CallRecord:s CallTimeout:i CallTo:s CallUrl:s CallStatusCallbackUrl:s
    CallAccept:b RedirectCallSid:s RedirectAccept:b RedirectUrl:s To:s From:s StatusCallback:s
    StatusCallbackMethod:s StatusCallbackEvent:*s Timeout:i Record:b Muted:b Beep:s
    StartConferenceOnEnter:b EndConferenceOnExit:b WaitUrl:s WaitMethod:s EarlyMedia:b
    MaxParticipants:i ConferenceStatusCallback:s ConferenceStatusCallbackMethod:s
    ConferenceStatusCallbackEvent:*s ConferenceRecord:s ConferenceTrim:s RecordingChannels:s
    RecordingStatusCallback:s RecordingStatusCallbackMethod:s
    ConferenceRecordingStatusCallback:s ConferenceRecordingStatusCallbackMethod:s Region:s
    SipAuthUsername:s SipAuthPassword:s DequeueStatusCallbackEvent:*s PostWorkActivitySid:s
    SupervisorMode:s Supervisor:s EndConferenceOnCustomerExit:b BeepOnCustomerEntrance:b
    JitterBufferSize:s
workspace.task.reservations list
    GET .../Tasks/{TaskSid}/Reservations -> [Reservation]
    ReservationStatus:s WorkerSid:s
workspace.task_channels create
    POST .../TaskChannels -> TaskChannel
    FriendlyName:s! UniqueName:s! ChannelOptimizedRouting:b
workspace.task_channels fetch
    GET .../TaskChannels/{Sid} -> TaskChannel
workspace.task_channels update
    POST .../TaskChannels/{Sid} -> TaskChannel
    FriendlyName:s ChannelOptimizedRouting:b
workspace.task_channels delete
    DELETE .../TaskChannels/{Sid}
workspace.task_channels list
    GET .../TaskChannels -> [TaskChannel]
workspace.task_queue.cumulative_statistics fetch
    GET .../TaskQueues/{TaskQueueSid}/CumulativeStatistics -> TaskQueueCumulativeStatistics
    EndDate:d Minutes:i StartDate:d TaskChannel:s SplitByWaitTime:s
workspace.task_queue.real_time_statistics fetch
    GET .../TaskQueues/{TaskQueueSid}/RealTimeStatistics -> TaskQueueRealTimeStatistics
    TaskChannel:s
workspace.task_queue.statistics fetch
    GET .../TaskQueues/{TaskQueueSid}/Statistics -> TaskQueueStatistics
    EndDate:d Minutes:i StartDate:d TaskChannel:s SplitByWaitTime:s
workspace.task_queues create
    POST .../TaskQueues -> TaskQueue
    FriendlyName:s! TargetWorkers:s MaxReservedWorkers:i TaskOrder:s ReservationActivitySid:s
    AssignmentActivitySid:s
workspace.task_queues fetch
    GET .../TaskQueues/{Sid} -> TaskQueue
workspace.task_queues update
    POST .../TaskQueues/{Sid} -> TaskQueue
    FriendlyName:s TargetWorkers:s ReservationActivitySid:s AssignmentActivitySid:s
    MaxReservedWorkers:i TaskOrder:s
workspace.task_queues delete
    DELETE .../TaskQueues/{Sid}
workspace.task_queues list
    GET .../TaskQueues -> [TaskQueue]
    FriendlyName:s EvaluateWorkerAttributes:s WorkerSid:s Ordering:s
workspace.task_queues.bulk_real_time_statistics create
    POST .../TaskQueues/RealTimeStatistics -> TaskQueueBulkRealTimeStatistics
    queueSids:*s!
workspace.task_queues.statistics list
    GET .../TaskQueues/Statistics -> [TaskQueuesStatistics]
    EndDate:d FriendlyName:s Minutes:i StartDate:d TaskChannel:s SplitByWaitTime:s
workspace.tasks create
    POST .../Tasks -> Task ETag
    Timeout:i Priority:i TaskChannel:s WorkflowSid:s Attributes:j VirtualStartTime:d
    RoutingTarget:s IgnoreCapacity:b TaskQueueSid:s
workspace.tasks fetch
    GET .../Tasks/{Sid} -> Task ETag
workspace.tasks update
    POST .../Tasks/{Sid} -> Task ETag
    If-Match Attributes:j AssignmentStatus:s Reason:s Priority:i TaskChannel:s
    VirtualStartTime:d
workspace.tasks delete
    DELETE .../Tasks/{Sid}
    If-Match
workspace.tasks list
    GET .../Tasks -> [Task]
    Priority:i AssignmentStatus:*s WorkflowSid:s WorkflowName:s TaskQueueSid:s TaskQueueName:s
    EvaluateTaskAttributes:s RoutingTarget:s Ordering:s HasAddons:b
workspace.worker.reservations fetch
    GET .../Workers/{WorkerSid}/Reservations/{Sid} -> Reservation ETag
workspace.worker.reservations update
    POST .../Workers/{WorkerSid}/Reservations/{Sid} -> Reservation ETag
    If-Match ReservationStatus:s WorkerActivitySid:s Instruction:s DequeuePostWorkActivitySid:s
    DequeueFrom:s DequeueRecord:s DequeueTimeout:i DequeueTo:s DequeueStatusCallbackUrl:s
    CallFrom:s CallRecord:s CallTimeout:i CallTo:s CallUrl:s CallStatusCallbackUrl:s
    CallAccept:b RedirectCallSid:s RedirectAccept:b RedirectUrl:s To:s From:s StatusCallback:s
    StatusCallbackMethod:s StatusCallbackEvent:*s Timeout:i Record:b Muted:b Beep:s
    StartConferenceOnEnter:b EndConferenceOnExit:b WaitUrl:s WaitMethod:s EarlyMedia:b
    MaxParticipants:i ConferenceStatusCallback:s ConferenceStatusCallbackMethod:s
    ConferenceStatusCallbackEvent:*s ConferenceRecord:s ConferenceTrim:s RecordingChannels:s
    RecordingStatusCallback:s RecordingStatusCallbackMethod:s
    ConferenceRecordingStatusCallback:s ConferenceRecordingStatusCallbackMethod:s Region:s
    SipAuthUsername:s SipAuthPassword:s DequeueStatusCallbackEvent:*s PostWorkActivitySid:s
    EndConferenceOnCustomerExit:b BeepOnCustomerEntrance:b JitterBufferSize:s
workspace.worker.reservations list
    GET .../Workers/{WorkerSid}/Reservations -> [Reservation]
    ReservationStatus:s
workspace.worker.statistics fetch
    GET .../Workers/{WorkerSid}/Statistics -> WorkerStatistics
    Minutes:i StartDate:d EndDate:d TaskChannel:s
workspace.worker.worker_channels fetch
    GET .../Workers/{WorkerSid}/Channels/{Sid} -> WorkerChannel
workspace.worker.worker_channels update
    POST .../Workers/{WorkerSid}/Channels/{Sid} -> WorkerChannel
    Capacity:i Available:b
workspace.worker.worker_channels list
    GET .../Workers/{WorkerSid}/Channels -> [WorkerChannel]
workspace.workers create
    POST .../Workers -> Worker ETag
    FriendlyName:s! ActivitySid:s Attributes:j
workspace.workers fetch
    GET .../Workers/{Sid} -> Worker ETag
workspace.workers update
    POST .../Workers/{Sid} -> Worker ETag
    If-Match ActivitySid:s Attributes:j FriendlyName:s RejectPendingReservations:b
workspace.workers delete
    DELETE .../Workers/{Sid}
    If-Match
workspace.workers list
    GET .../Workers -> [Worker]
    ActivityName:s ActivitySid:s Available:b FriendlyName:s TargetWorkersExpression:s
    TaskQueueName:s TaskQueueSid:s Ordering:s
workspace.workers.cumulative_statistics fetch
    GET .../Workers/CumulativeStatistics -> WorkersCumulativeStatistics
    EndDate:d Minutes:i StartDate:d TaskChannel:s
workspace.workers.real_time_statistics fetch
    GET .../Workers/RealTimeStatistics -> WorkersRealTimeStatistics
    TaskChannel:s
workspace.workers.statistics fetch
    GET .../Workers/Statistics -> WorkersStatistics
    Minutes:i StartDate:d EndDate:d TaskQueueSid:s TaskQueueName:s FriendlyName:s TaskChannel:s
workspace.workflow.cumulative_statistics fetch
    GET .../Workflows/{WorkflowSid}/CumulativeStatistics -> WorkflowCumulativeStatistics
    EndDate:d Minutes:i StartDate:d TaskChannel:s SplitByWaitTime:s
workspace.workflow.real_time_statistics fetch
    GET .../Workflows/{WorkflowSid}/RealTimeStatistics -> WorkflowRealTimeStatistics
    TaskChannel:s
workspace.workflow.statistics fetch
    GET .../Workflows/{WorkflowSid}/Statistics -> WorkflowStatistics
    Minutes:i StartDate:d EndDate:d TaskChannel:s SplitByWaitTime:s
workspace.workflows create
    POST .../Workflows -> Workflow
    FriendlyName:s! Configuration:j! AssignmentCallbackUrl:s FallbackAssignmentCallbackUrl:s
    TaskReservationTimeout:i
workspace.workflows fetch
    GET .../Workflows/{Sid} -> Workflow
workspace.workflows update
    POST .../Workflows/{Sid} -> Workflow
    FriendlyName:s AssignmentCallbackUrl:s FallbackAssignmentCallbackUrl:s Configuration:j
    TaskReservationTimeout:i ReEvaluateTasks:b
workspace.workflows delete
    DELETE .../Workflows/{Sid}
workspace.workflows list
    GET .../Workflows -> [Workflow]
    FriendlyName:s
workspaces create
    POST /v1/Workspaces -> Workspace
    FriendlyName:s! EventCallbackUrl:s EventsFilter:s MultiTaskEnabled:b Template:s
    PrioritizeQueueOrder:s
workspaces fetch
    GET /v1/Workspaces/{Sid} -> Workspace
workspaces update
    POST /v1/Workspaces/{Sid} -> Workspace
    DefaultActivitySid:s EventCallbackUrl:s EventsFilter:s FriendlyName:s MultiTaskEnabled:b
    TimeoutActivitySid:s PrioritizeQueueOrder:s
workspaces delete
    DELETE /v1/Workspaces/{Sid}
workspaces list
    GET /v1/Workspaces -> [Workspace]
    FriendlyName:s
"""

RESOURCES = """
Activity
    account_sid:s available:b date_created:d date_updated:d friendly_name:s sid:s!
    workspace_sid:s url:s links:l
Event
    account_sid:s actor_sid:s actor_type:s actor_url:s description:s event_data:o event_date:d
    event_date_ms:i event_type:s resource_sid:s resource_type:s resource_url:s sid:s! source:s
    source_ip_address:s url:s workspace_sid:s
Task
    account_sid:s age:i assignment_status:s attributes:j addons:j date_created:d date_updated:d
    task_queue_entered_date:d priority:i reason:s sid:s! task_queue_sid:s
    task_queue_friendly_name:s task_channel_sid:s task_channel_unique_name:s timeout:i
    workflow_sid:s workflow_friendly_name:s workspace_sid:s url:s links:l virtual_start_time:d
    ignore_capacity:b routing_target:s etag:h
TaskChannel
    account_sid:s date_created:d date_updated:d friendly_name:s sid:s! unique_name:s
    workspace_sid:s channel_optimized_routing:b url:s links:l
TaskQueue
    account_sid:s assignment_activity_sid:s assignment_activity_name:s date_created:d
    date_updated:d friendly_name:s max_reserved_workers:i reservation_activity_sid:s
    reservation_activity_name:s sid:s! target_workers:s task_order:s url:s workspace_sid:s
    links:l
TaskQueueBulkRealTimeStatistics
    account_sid:s workspace_sid:s task_queue_data:[TaskQueueRealTimeStatistics]
    task_queue_response_count:i url:s
TaskQueueCumulativeStatistics
    account_sid:s avg_task_acceptance_time:f start_time:d end_time:d reservations_created:i
    reservations_accepted:i reservations_rejected:i reservations_timed_out:i
    reservations_canceled:i reservations_rescinded:i split_by_wait_time:{i:WaitTimeSplit}
    task_queue_sid:s wait_duration_until_accepted:WaitDuration
    wait_duration_until_canceled:WaitDuration wait_duration_in_queue_until_accepted:WaitDuration
    tasks_canceled:i tasks_completed:i tasks_deleted:i tasks_entered:i tasks_moved:i
    workspace_sid:s url:s
TaskQueueRealTimeStatistics
    account_sid:s activity_statistics:[ActivityCount] longest_task_waiting_age:i
    longest_task_waiting_sid:s longest_relative_task_age_in_queue:i
    longest_relative_task_sid_in_queue:s task_queue_sid:s tasks_by_priority:{i:i}
    tasks_by_status:{s:i} total_available_workers:i total_eligible_workers:i total_tasks:i
    workspace_sid:s url:s
TaskQueueStatistics
    account_sid:s cumulative:TaskQueueCumulativeStatistics realtime:TaskQueueRealTimeStatistics
    task_queue_sid:s workspace_sid:s url:s
TaskQueuesStatistics
    account_sid:s cumulative:TaskQueueCumulativeStatistics realtime:TaskQueueRealTimeStatistics
    task_queue_sid:s workspace_sid:s
Reservation
    account_sid:s date_created:d date_updated:d reservation_status:s sid:s! task_sid:s
    worker_name:s worker_sid:s workspace_sid:s url:s links:l etag:h
Worker
    account_sid:s activity_name:s activity_sid:s attributes:j available:b date_created:d
    date_status_changed:d date_updated:d friendly_name:s sid:s! workspace_sid:s url:s links:l
    etag:h
WorkerChannel
    account_sid:s assigned_tasks:i available:b available_capacity_percentage:i
    configured_capacity:i date_created:d date_updated:d sid:s! task_channel_sid:s
    task_channel_unique_name:s worker_sid:s workspace_sid:s url:s
WorkerStatistics
    account_sid:s cumulative:WorkersCumulativeStatistics worker_sid:s workspace_sid:s url:s
WorkersStatistics
    realtime:WorkersRealTimeStatistics cumulative:WorkersCumulativeStatistics account_sid:s
    workspace_sid:s url:s
WorkersCumulativeStatistics
    account_sid:s start_time:d end_time:d activity_durations:[ActivityDuration]
    reservations_created:i reservations_accepted:i reservations_rejected:i
    reservations_timed_out:i reservations_canceled:i reservations_rescinded:i workspace_sid:s
    url:s
WorkersRealTimeStatistics
    account_sid:s activity_statistics:[ActivityCount] total_workers:i workspace_sid:s url:s
Workflow
    account_sid:s assignment_callback_url:s configuration:j date_created:d date_updated:d
    document_content_type:s fallback_assignment_callback_url:s friendly_name:s sid:s!
    task_reservation_timeout:i workspace_sid:s url:s links:l
WorkflowCumulativeStatistics
    account_sid:s avg_task_acceptance_time:f start_time:d end_time:d reservations_created:i
    reservations_accepted:i reservations_rejected:i reservations_timed_out:i
    reservations_canceled:i reservations_rescinded:i split_by_wait_time:{i:WaitTimeSplit}
    wait_duration_until_accepted:WaitDuration wait_duration_until_canceled:WaitDuration
    tasks_canceled:i tasks_completed:i tasks_entered:i tasks_deleted:i tasks_moved:i
    tasks_timed_out_in_workflow:i workflow_sid:s workspace_sid:s url:s
WorkflowRealTimeStatistics
    account_sid:s longest_task_waiting_age:i longest_task_waiting_sid:s tasks_by_priority:{i:i}
    tasks_by_status:{s:i} total_tasks:i workflow_sid:s workspace_sid:s url:s
WorkflowStatistics
    account_sid:s cumulative:WorkflowCumulativeStatistics realtime:WorkflowRealTimeStatistics
    workflow_sid:s workspace_sid:s url:s
Workspace
    account_sid:s date_created:d date_updated:d default_activity_name:s default_activity_sid:s
    event_callback_url:s events_filter:s friendly_name:s multi_task_enabled:b sid:s!
    timeout_activity_name:s timeout_activity_sid:s prioritize_queue_order:s url:s links:l
WorkspaceCumulativeStatistics
    account_sid:s avg_task_acceptance_time:f start_time:d end_time:d reservations_created:i
    reservations_accepted:i reservations_rejected:i reservations_timed_out:i
    reservations_canceled:i reservations_rescinded:i split_by_wait_time:{i:WaitTimeSplit}
    wait_duration_until_accepted:WaitDuration wait_duration_until_canceled:WaitDuration
    tasks_canceled:i tasks_completed:i tasks_created:i tasks_deleted:i tasks_moved:i
    tasks_timed_out_in_workflow:i workspace_sid:s url:s
WorkspaceRealTimeStatistics
    account_sid:s activity_statistics:[ActivityCount] longest_task_waiting_age:i
    longest_task_waiting_sid:s tasks_by_priority:{i:i} tasks_by_status:{s:i} total_tasks:i
    total_workers:i workspace_sid:s url:s
WorkspaceStatistics
    realtime:WorkspaceRealTimeStatistics cumulative:WorkspaceCumulativeStatistics account_sid:s
    workspace_sid:s url:s
AutopilotTask
    account_sid:s date_created:d date_updated:d friendly_name:s links:l assistant_sid:s sid:s!
    unique_name:s actions_url:s url:s
ActivityCount
    friendly_name:s sid:s workers:i
ActivityDuration
    friendly_name:s sid:s avg:f min:f max:f total:f
WaitDuration
    avg:f min:f max:f total:f
WaitTimeCounts
    tasks_canceled:i reservations_accepted:i
WaitTimeSplit
    above:WaitTimeCounts below:WaitTimeCounts
"""
