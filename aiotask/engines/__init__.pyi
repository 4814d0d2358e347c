from . import procrastinate as procrastinate
from . import taskiq as taskiq
