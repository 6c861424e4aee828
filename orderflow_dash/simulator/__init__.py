"""An exchange inside the app: a real server on loopback that speaks the venues' own protocols."""

from .capture import DamagedFile
from .command import environment, run_exchange
from .exchange import SimulatedExchange
from .faults import Faults
from .loading import LoadedFile, Loading, probe
from .outlet import ConnectionInfo
from .playback import PlayedUpTo, Playing
from .recording import RecordedMarket
from .source import Listing, Market, Status
from .synthetic import SyntheticMarket

__all__ = [
    "ConnectionInfo",
    "DamagedFile",
    "Faults",
    "Listing",
    "LoadedFile",
    "Loading",
    "Market",
    "PlayedUpTo",
    "Playing",
    "RecordedMarket",
    "SimulatedExchange",
    "Status",
    "SyntheticMarket",
    "environment",
    "probe",
    "run_exchange",
]
