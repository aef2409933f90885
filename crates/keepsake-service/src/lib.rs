//! The endpoint table, once for every host: decode, core, encode; HTTP asset plans
