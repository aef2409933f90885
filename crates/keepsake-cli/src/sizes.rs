//! Sizes as people write them: `500 GiB`, `2TB`, `1000000`. Owns the units.

/// As [GNU's tools](https://www.gnu.org/software/coreutils/manual/html_node/Block-size.html) have them: `K` and `KiB` are 1,024
/// bytes, `KB` is 1,000.
const PREFIXES: [char; 4] = ['k', 'm', 'g', 't'];

/// Bytes.
///
/// # Errors
/// What is wrong with it, and how to write it.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "write a whole number of bytes, or one with a unit, as 500GiB or 2TB".to_owned();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let mut rest = unit.chars();
    let first = rest.next();
    let power = first.and_then(|first| PREFIXES.iter().position(|prefix| *prefix == first));
    let factor = match (first, power, rest.as_str()) {
        (None | Some('b'), None, "") => Some(1),
        (_, Some(power), "" | "ib") => 1024_u64.checked_pow(power_of(power)),
        (_, Some(power), "b") => 1000_u64.checked_pow(power_of(power)),
        _ => None,
    };
    let bytes = number.checked_mul(factor.ok_or_else(wrong)?);
    bytes.ok_or_else(|| "it is more than there is".to_owned())
}

fn power_of(position: usize) -> u32 {
    u32::try_from(position + 1).expect("there are four")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_units_that_people_write() {
        for (text, bytes) in [
            ("0", 0),
            ("123", 123),
            ("7b", 7),
            ("1K", 1 << 10),
            ("1kB", 1_000),
            ("2 MiB", 2 << 20),
            ("3MB", 3_000_000),
            ("500 GiB", 500 << 30),
            ("5g", 5 << 30),
            ("2TB", 2_000_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_how_to_write_one() {
        for wrong in ["", "GiB", "-1", "1.5GB", "1 GiBs", "1 EB", "1x", " 1", "1b b", "99999999999TB", "1é"]
        {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert!(size("1.5GB").unwrap_err().contains("500GiB"));
    }
}
