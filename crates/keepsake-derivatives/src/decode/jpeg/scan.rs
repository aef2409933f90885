//! Owns decoding one scan into the planes: sequential, and the four kinds of progressive scans.
//! Does not own tables, markers between scans, or samples.
//! See [T.81, annexes F.2 and G.2](https://www.w3.org/Graphics/JPEG/itu-t81.pdf).

use std::io::BufRead;

use super::bits::{BitReader, EntropyError, HuffmanTable};
use super::planes::{Block, Plane};

/// One component's part in a scan.
pub(super) struct ScanComponent<'t> {
    /// Index of its plane.
    pub(super) plane: usize,
    /// Blocks of it in one MCU, from left to right and from top to bottom.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) dc_table: Option<&'t HuffmanTable>,
    pub(super) ac_table: Option<&'t HuffmanTable>,
}

/// What a scan header says, checked.
pub(super) struct Scan<'t> {
    pub(super) components: Vec<ScanComponent<'t>>,
    pub(super) mcus_across: usize,
    pub(super) mcus_down: usize,
    /// First and last coefficient of the scan.
    pub(super) band: (usize, usize),
    pub(super) is_progressive: bool,
    pub(super) is_refinement: bool,
    /// The lowest bit that the scan sends.
    pub(super) low_bit: u32,
    /// MCUs between restart markers, or 0.
    pub(super) restart_interval: usize,
}

/// What blocks of a scan hand on to each other.
#[derive(Default)]
struct Running {
    dc: [i32; 4],
    /// Blocks to come that have no more coefficients in this band.
    eob_run: i32,
}

impl Scan<'_> {
    /// Reads all blocks of the scan and returns the marker behind it.
    pub(super) fn decode<R: BufRead>(&self, input: &mut R, planes: &mut [Plane]) -> Result<u8, EntropyError> {
        let mut bits = BitReader::new(input);
        let mut running = Running::default();
        let (mut until_restart, mut restart_number) = (self.restart_interval, 0);
        for mcu in 0..self.mcus_across * self.mcus_down {
            if self.restart_interval > 0 {
                if until_restart == 0 {
                    bits.restart(restart_number)?;
                    restart_number = (restart_number + 1) % 8;
                    until_restart = self.restart_interval;
                    running = Running::default();
                }
                until_restart -= 1;
            }
            self.decode_mcu(mcu, &mut bits, planes, &mut running)?;
        }
        bits.finish()
    }

    fn decode_mcu<R: BufRead>(
        &self,
        mcu: usize,
        bits: &mut BitReader<'_, R>,
        planes: &mut [Plane],
        running: &mut Running,
    ) -> Result<(), EntropyError> {
        let (x, y) = (mcu % self.mcus_across, mcu / self.mcus_across);
        for (index, component) in self.components.iter().enumerate() {
            for down in 0..component.down {
                for across in 0..component.across {
                    let plane = &mut planes[component.plane];
                    let mut block = plane.block(x * component.across + across, y * component.down + down);
                    self.decode_block(
                        component,
                        bits,
                        &mut block,
                        &mut running.dc[index],
                        &mut running.eob_run,
                    )?;
                }
            }
        }
        Ok(())
    }

    fn decode_block<R: BufRead>(
        &self,
        component: &ScanComponent<'_>,
        bits: &mut BitReader<'_, R>,
        block: &mut Block<'_>,
        dc: &mut i32,
        eob_run: &mut i32,
    ) -> Result<(), EntropyError> {
        let missing = EntropyError::Invalid("a Huffman table is missing");
        match (self.band.0 == 0, self.is_refinement) {
            (true, true) => {
                let bit = bits.read(1)? << self.low_bit;
                block.refine_dc(bit);
            }
            (true, false) => {
                let size = u32::from(bits.read_symbol(component.dc_table.ok_or(missing)?)?);
                if size > 15 {
                    return Err(EntropyError::Invalid("a difference of too many bits"));
                }
                *dc = dc.wrapping_add(bits.read_signed(size)?);
                block.set(0, dc.wrapping_shl(self.low_bit));
                if !self.is_progressive {
                    self.first_ac(1, component.ac_table, bits, block, eob_run)?;
                }
            }
            (false, false) => self.first_ac(self.band.0, component.ac_table, bits, block, eob_run)?,
            (false, true) => {
                Refinement { bits, block, bit: 1 << self.low_bit, last: self.band.1 }.decode(
                    self.band.0,
                    component.ac_table.ok_or(missing)?,
                    eob_run,
                )?;
            }
        }
        Ok(())
    }

    /// The first bits of the coefficients from `start` on: all of them in a sequential scan.
    fn first_ac<R: BufRead>(
        &self,
        start: usize,
        table: Option<&HuffmanTable>,
        bits: &mut BitReader<'_, R>,
        block: &mut Block<'_>,
        eob_run: &mut i32,
    ) -> Result<(), EntropyError> {
        let table = table.ok_or(EntropyError::Invalid("a Huffman table is missing"))?;
        if *eob_run > 0 {
            *eob_run -= 1;
            return Ok(());
        }
        let mut k = start;
        while k <= self.band.1 {
            let symbol = bits.read_symbol(table)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                k += run;
                let value = bits.read_signed(size)?;
                if k > self.band.1 {
                    return Err(EntropyError::Invalid("a coefficient beyond its block"));
                }
                block.set(k, value << self.low_bit);
                k += 1;
            } else if run == 15 {
                k += 16;
            } else {
                *eob_run = end_of_band_run(run, self.is_progressive, bits)?;
                return Ok(());
            }
        }
        Ok(())
    }
}

/// How many further blocks end here too.
fn end_of_band_run<R: BufRead>(
    run: usize,
    is_progressive: bool,
    bits: &mut BitReader<'_, R>,
) -> Result<i32, EntropyError> {
    match (run, is_progressive) {
        (0, _) => Ok(0),
        (_, false) => Err(EntropyError::Invalid("a run of empty blocks in a sequential scan")),
        (run, true) => {
            let bits_wanted = u32::try_from(run).expect("below 15");
            Ok((1 << bits_wanted) - 1 + bits.read(bits_wanted)?)
        }
    }
}

/// One block in a scan that adds a bit to a band of coefficients (T.81, G.1.2.3).
struct Refinement<'a, 'r, 'b, R> {
    bits: &'a mut BitReader<'r, R>,
    block: &'a mut Block<'b>,
    bit: i32,
    last: usize,
}

impl<R: BufRead> Refinement<'_, '_, '_, R> {
    fn decode(&mut self, start: usize, table: &HuffmanTable, eob_run: &mut i32) -> Result<(), EntropyError> {
        let mut k = start;
        if *eob_run == 0 {
            while k <= self.last {
                let symbol = self.bits.read_symbol(table)?;
                let (run, size) = (usize::from(symbol >> 4), symbol & 15);
                let value = match size {
                    0 if run < 15 => {
                        *eob_run = end_of_band_run(run, true, self.bits)? + 1;
                        break;
                    }
                    0 => 0,
                    1 if self.bits.read_bit()? => self.bit,
                    1 => -self.bit,
                    _ => return Err(EntropyError::Invalid("a refinement of more than one bit")),
                };
                k = self.skip_zeros(k, run)?;
                if value != 0 {
                    if k > self.last {
                        return Err(EntropyError::Invalid("a coefficient beyond its block"));
                    }
                    self.block.set(k, value);
                }
                k += 1;
            }
        }
        if *eob_run > 0 {
            self.skip_zeros(k, usize::MAX)?;
            *eob_run -= 1;
        }
        Ok(())
    }

    /// Goes over `zeros` coefficients that are zero, and refines all others on the way; returns the place
    /// of the next zero, or one beyond the band.
    fn skip_zeros(&mut self, start: usize, mut zeros: usize) -> Result<usize, EntropyError> {
        for k in start..=self.last {
            if self.block.is_nonzero(k) {
                if self.bits.read_bit()? {
                    self.block.refine_ac(k, self.bit);
                }
            } else if zeros == 0 {
                return Ok(k);
            } else {
                zeros -= 1;
            }
        }
        Ok(self.last + 1)
    }
}
