/** The messages of /ws/orderflow; orderflow_dash/wire.py writes them, and a test compares both. */

export interface LevelMessage {
  p: number;
  bid: number;
  ask: number;
  n: number;
}

export interface CandleMessage {
  open_ts: number;
  bid: number;
  ask: number;
  delta: number;
  cvd: number;
  levels: LevelMessage[];
  open: number;
  high: number;
  low: number;
  close: number;
  n: number;
  min_delta: number;
  max_delta: number;
  poc: number;
  closed: boolean;
  quality: "complete" | "partial" | "repaired" | "gap";
  verified: boolean | null;
  rev: number;
}

export interface SnapshotMessage {
  type: "snapshot";
  exchange: string;
  symbol: string;
  tf_ms: number;
  step: number;
  server_ts: number;
  cvd_from: number | null;
  candles: CandleMessage[];
}

export interface DeltaMessage {
  type: "delta";
  exchange: string;
  symbol: string;
  tf_ms: number;
  step: number;
  server_ts: number;
  candle: CandleMessage;
}

export interface StatusMessage {
  type: "status";
  exchange: string;
  symbol: string;
  state: "connecting" | "live" | "stale" | "repairing" | "disconnected";
  detail: string;
  server_ts: number;
}

export interface ErrorMessage {
  type: "error";
  code: "bad_parameter" | "unknown_symbol" | "too_many_clients" | "unavailable";
  param: string | null;
  message: string;
}

export type Message = SnapshotMessage | DeltaMessage | StatusMessage | ErrorMessage;
