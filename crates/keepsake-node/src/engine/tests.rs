//! Tests of the engine over a program that fails on request.
