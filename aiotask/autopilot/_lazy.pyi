from .tasks import AutopilotTasks as AutopilotTasks
