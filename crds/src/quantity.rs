//! Kubernetes quantities (`500m`, `1.5Gi`, `1e3`): their value, and the form in which the API server
//! gives them back, so that what is rendered equals what is read.

/// Parts of one whole: quantities are exact down to nano.
const NANO: i128 = 1_000_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    BinarySi,
    DecimalSi,
    DecimalExponent,
}

/// Value of a quantity in units of 10⁻⁹; `None` if it is not one, or beyond ±10²⁰.
pub fn quantity_nanos(text: &str) -> Option<i128> {
    parse(text).map(|(nanos, _)| nanos)
}

/// Value of a quantity in whole units (bytes for memory and storage), rounded up; `None` if it is
/// not a quantity, is negative or does not fit.
pub fn quantity_units(text: &str) -> Option<u64> {
    let nanos = quantity_nanos(text)?;
    u64::try_from(nanos.checked_add(NANO - 1)?.div_euclid(NANO)).ok().filter(|_| nanos >= 0)
}

/// The same quantity as the API server writes it: `1024Mi` → `1Gi`, `0.5` → `500m`.
pub fn canonical_quantity(text: &str) -> Option<String> {
    let (nanos, format) = parse(text)?;
    if nanos == 0 {
        return Some("0".into());
    }
    if format == Format::BinarySi && nanos.abs() >= 1024 * NANO {
        let mut units = (nanos + NANO - 1).div_euclid(NANO);
        let mut suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().peekable();
        while units % 1024 == 0 && suffixes.len() > 1 {
            units /= 1024;
            suffixes.next();
        }
        return suffixes.peek().map(|suffix| format!("{units}{suffix}"));
    }
    let mut mantissa = nanos;
    let mut exponent = -9;
    while mantissa % 1000 == 0 && exponent < 18 {
        mantissa /= 1000;
        exponent += 3;
    }
    Some(match (format, exponent) {
        (_, 0) => mantissa.to_string(),
        (Format::DecimalExponent, _) => format!("{mantissa}e{exponent}"),
        _ => format!("{mantissa}{}", decimal_suffix(exponent)),
    })
}

fn decimal_suffix(exponent: i32) -> &'static str {
    match exponent {
        -9 => "n",
        -6 => "u",
        -3 => "m",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        15 => "P",
        18 => "E",
        _ => "",
    }
}

fn parse(text: &str) -> Option<(i128, Format)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    if whole.len() > 21 || fraction.len() > 18 {
        return None;
    }
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let (multiplier, exponent, format) = multiplier(suffix)?;
    // digits × multiplier × 10^(exponent − fraction digits), in nano and rounded up like the server does
    let scale = exponent + 9 - i32::try_from(fraction.len()).ok()?;
    let scaled = digits.checked_mul(multiplier)?;
    let nanos = if scale >= 0 {
        scaled.checked_mul(10_i128.checked_pow(u32::try_from(scale).ok()?)?)?
    } else {
        let divisor = 10_i128.checked_pow(scale.unsigned_abs())?;
        scaled.checked_add(divisor - 1)?.div_euclid(divisor)
    };
    if nanos > 100_000_000_000 * NANO * NANO {
        return None;
    }
    Some((if text.starts_with('-') { -nanos } else { nanos }, format))
}

/// Binary multiplier, decimal exponent and format of a suffix.
fn multiplier(suffix: &str) -> Option<(i128, i32, Format)> {
    let binary = |power: u32| Some((1024_i128.pow(power), 0, Format::BinarySi));
    let decimal = |exponent: i32| Some((1, exponent, Format::DecimalSi));
    match suffix {
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (-18..=20).contains(&exponent).then_some((1, exponent, Format::DecimalExponent))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_the_value_and_the_form_of_the_api_server() {
        for (text, canonical, units) in [
            ("1Gi", "1Gi", Some(1 << 30)),
            ("1024Mi", "1Gi", Some(1 << 30)),
            ("1000Mi", "1000Mi", Some(1000 << 20)),
            ("1.5Gi", "1536Mi", Some(1536 << 20)),
            ("0.5", "500m", Some(1)),
            ("250m", "250m", Some(1)),
            ("2000m", "2", Some(2)),
            ("1500m", "1500m", Some(2)),
            ("1e3", "1e3", Some(1000)),
            ("1E", "1E", Some(1_000_000_000_000_000_000)),
            ("1000k", "1M", Some(1_000_000)),
            ("0.5Ki", "512", Some(512)),
            ("0", "0", Some(0)),
            ("-1", "-1", None),
            (".5Gi", "512Mi", Some(512 << 20)),
            ("010Gi", "10Gi", Some(10 << 30)),
        ] {
            assert_eq!(canonical_quantity(text).as_deref(), Some(canonical), "{text}");
            assert_eq!(quantity_units(text), units, "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_has_no_value() {
        for text in ["", "Gi", "1gi", "1 Gi", "1GiB", "one", "1..2", "1e", "--1", "1e99", "."] {
            assert_eq!(quantity_nanos(text), None, "{text}");
        }
    }
}
