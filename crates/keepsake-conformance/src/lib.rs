//! The exam that every host of the service must pass
