//! Candid wire types, error codes and keepsake.did
