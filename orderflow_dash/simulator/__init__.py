"""An exchange inside the app: a real server on loopback that speaks the venues' own protocols."""

from orderflow_dash.simulator.command import environment, run_exchange
from orderflow_dash.simulator.market.source import Listing, Market, Status
from orderflow_dash.simulator.market.synthetic import SyntheticMarket
from orderflow_dash.simulator.recordings.capture import DamagedFile
from orderflow_dash.simulator.recordings.loading import LoadedFile, Loading, probe
from orderflow_dash.simulator.recordings.market import RecordedMarket
from orderflow_dash.simulator.recordings.playback import PlayedUpTo, Playing
from orderflow_dash.simulator.server.client_queue import ConnectionInfo
from orderflow_dash.simulator.server.exchange import SimulatedExchange
from orderflow_dash.simulator.server.faults import Faults

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
