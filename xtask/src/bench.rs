//! `cargo xtask bench`: to be written.
pub(crate) fn command(_: lexopt::Parser) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
