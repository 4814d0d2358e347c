from .api import AssistantContext as AssistantContext
from .api import Autopilot as Autopilot
from .tasks import AutopilotTask as AutopilotTask
from .tasks import AutopilotTaskChanges as AutopilotTaskChanges
from .tasks import AutopilotTasks as AutopilotTasks
from .tasks import NewAutopilotTask as NewAutopilotTask
