//! Money as the store keeps it: an exact decimal of at most two places, never a float. Pure.

use std::fmt;

use thiserror::Error;

/// An exact amount `unscaled × 10^-scale`, with the number of places it was written with.
///
/// Equality is of the written form; [`Price::same_amount`] compares amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    unscaled: i64,
    scale: u8,
}

/// Why a number is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PriceError {
    #[error("is not a number")]
    NotANumber,
    #[error(
        "is not a number: digits with a point before the cents, without signs of a currency, blanks or separators of thousands"
    )]
    OtherwiseWritten,
    #[error("must be greater than 0")]
    NotPositive,
    #[error("must be less than 100000000")]
    TooLarge,
    #[error("must have at most two decimal places")]
    TooPrecise,
}

impl PriceError {
    /// Stable, machine-readable.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotANumber | Self::OtherwiseWritten => "not_a_number",
            Self::NotPositive | Self::TooLarge | Self::TooPrecise => "out_of_range",
        }
    }
}

impl Price {
    /// Places after the decimal point that a price may have.
    pub const MAX_SCALE: u8 = 2;
    /// The least price.
    pub const LEAST: Self = Self { unscaled: 1, scale: Self::MAX_SCALE };
    /// Prices are below 10^8.
    const LIMIT: i64 = 100_000_000;

    /// A price from its parts, with every rule checked. Trailing zeros beyond two places are
    /// dropped, fewer are kept as they are.
    pub fn new(unscaled: i64, scale: i32) -> Result<Self, PriceError> {
        if unscaled <= 0 {
            return Err(PriceError::NotPositive);
        }
        let (mut unscaled, mut scale) = (unscaled, scale);
        while scale > i32::from(Self::MAX_SCALE) {
            if unscaled % 10 != 0 {
                return Err(PriceError::TooPrecise);
            }
            unscaled /= 10;
            scale -= 1;
        }
        while scale < 0 {
            unscaled = unscaled.checked_mul(10).filter(|value| *value < Self::LIMIT).ok_or(PriceError::TooLarge)?;
            scale += 1;
        }
        let scale = u8::try_from(scale).map_err(|_| PriceError::TooPrecise)?;
        if unscaled >= Self::LIMIT * 10_i64.pow(u32::from(scale)) {
            return Err(PriceError::TooLarge);
        }
        Ok(Self { unscaled, scale })
    }

    /// Reads the literal of a JSON number, exponent forms included, without rounding. What JSON does not take as one
    /// (`.5`, `5.`, `007`) is none here.
    pub fn from_json_number(literal: &str) -> Result<Self, PriceError> {
        let bytes = literal.as_bytes();
        if !is_json_number(bytes) {
            let priced = bytes.iter().any(u8::is_ascii_digit) && !bytes.iter().any(u8::is_ascii_alphabetic);
            return Err(if priced { PriceError::OtherwiseWritten } else { PriceError::NotANumber });
        }
        let (negative, bytes) = match bytes.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, bytes),
        };
        let (mantissa, exponent) = match bytes.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => (&bytes[..at], parse_exponent(&bytes[at + 1..])?),
            None => (bytes, 0),
        };
        let (mut digits, mut places, mut point, mut any) = (0_i64, 0_i32, false, false);
        // Zeros are held back until a digit follows, so that 1.5000…0 of any length stays exact.
        let mut zeros = 0_u32;
        for byte in mantissa {
            match byte {
                b'.' if !point => point = true,
                b'0'..=b'9' => {
                    any = true;
                    if point {
                        places = places.checked_add(1).ok_or(PriceError::TooPrecise)?;
                    }
                    if *byte == b'0' {
                        zeros += u32::from(digits != 0);
                        continue;
                    }
                    digits = 10_i64
                        .checked_pow(zeros + 1)
                        .and_then(|by| digits.checked_mul(by))
                        .and_then(|held| held.checked_add(i64::from(byte - b'0')))
                        .ok_or(too_many_digits(point))?;
                    zeros = 0;
                }
                _ => return Err(PriceError::NotANumber),
            }
        }
        if !any {
            return Err(PriceError::NotANumber);
        }
        if digits == 0 || negative {
            return Err(PriceError::NotPositive);
        }
        // Zeros at the end: kept while they are places that a price may have, dropped beyond.
        let mut scale = i64::from(places) - exponent;
        while zeros > 0 {
            if scale > i64::from(Self::MAX_SCALE) {
                scale -= 1;
            } else {
                digits = digits.checked_mul(10).ok_or(PriceError::TooLarge)?;
            }
            zeros -= 1;
        }
        let scale = i32::try_from(scale).map_err(|_| too_many_digits(scale > 0))?;
        match Self::new(digits, scale.max(-20)) {
            Err(PriceError::TooPrecise) => Err(PriceError::TooPrecise),
            other => other,
        }
    }

    /// The integer before scaling.
    pub const fn unscaled(self) -> i64 {
        self.unscaled
    }

    /// Places after the decimal point.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Same amount, whatever the number of zeros at its end.
    pub fn same_amount(self, other: Self) -> bool {
        let scaled = |price: Self| {
            i128::from(price.unscaled) * 10_i128.pow(u32::from(Self::MAX_SCALE - price.scale.min(Self::MAX_SCALE)))
        };
        scaled(self) == scaled(other)
    }

    /// Appends the amount as a JSON number with its places, such as `10.50`.
    pub fn write_json(self, out: &mut Vec<u8>) {
        let mut digits = [0_u8; 24];
        let mut at = digits.len();
        let mut rest = self.unscaled.unsigned_abs();
        let mut written = 0_u8;
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            written += 1;
            if written == self.scale {
                at -= 1;
                digits[at] = b'.';
                if rest == 0 {
                    at -= 1;
                    digits[at] = b'0';
                }
            }
            if rest == 0 && written >= self.scale {
                break;
            }
        }
        out.extend_from_slice(&digits[at..]);
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(16);
        self.write_json(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// The grammar of RFC 8259: no zero before other digits, digits on both sides of a point.
fn is_json_number(bytes: &[u8]) -> bool {
    let digits = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    let bytes = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (number, exponent) = match bytes.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    };
    let (whole, places) = match number.iter().position(|byte| *byte == b'.') {
        Some(at) => (&number[..at], Some(&number[at + 1..])),
        None => (number, None),
    };
    let unsigned = |exponent: &[u8]| match exponent {
        [b'+' | b'-', rest @ ..] => digits(rest),
        _ => digits(exponent),
    };
    digits(whole)
        && (whole.len() == 1 || whole[0] != b'0')
        && places.is_none_or(digits)
        && exponent.is_none_or(unsigned)
}

const fn too_many_digits(after_the_point: bool) -> PriceError {
    if after_the_point { PriceError::TooPrecise } else { PriceError::TooLarge }
}

/// Exponents beyond any price are capped, so that `1e999999999999` costs nothing.
fn parse_exponent(text: &[u8]) -> Result<i64, PriceError> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(PriceError::NotANumber);
    }
    let value = digits.iter().fold(0_i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(1_000_000));
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, PriceError> {
        Price::from_json_number(text).map(|price| price.to_string())
    }

    #[test]
    fn a_price_keeps_the_places_it_was_written_with() {
        for (text, back) in [
            ("10.50", "10.50"),
            ("10.5", "10.5"),
            ("10", "10"),
            ("0.01", "0.01"),
            ("0.10", "0.10"),
            ("99999999.99", "99999999.99"),
            ("1e2", "100"),
            ("1.5E+1", "15"),
            ("1050e-2", "10.50"),
            ("10.500000", "10.50"),
            ("100", "100"),
            ("1.10000000000000000000000000000000000000", "1.10"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(back), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused_by_its_reason() {
        for (text, error) in [
            ("0", PriceError::NotPositive),
            ("-0", PriceError::NotPositive),
            ("0.00", PriceError::NotPositive),
            ("-1", PriceError::NotPositive),
            ("0e99999999999", PriceError::NotPositive),
            ("100000000", PriceError::TooLarge),
            ("100000000.00", PriceError::TooLarge),
            ("1e8", PriceError::TooLarge),
            ("1e308", PriceError::TooLarge),
            ("1e99999999999999999999", PriceError::TooLarge),
            ("99999999999999999999999999999", PriceError::TooLarge),
            ("0.001", PriceError::TooPrecise),
            ("1e-3", PriceError::TooPrecise),
            ("5e-324", PriceError::TooPrecise),
            ("1.123456789012345678901234567890", PriceError::TooPrecise),
            ("1e-99999999999999999999", PriceError::TooPrecise),
            ("", PriceError::NotANumber),
            ("-", PriceError::NotANumber),
            ("1e", PriceError::NotANumber),
            ("abc", PriceError::NotANumber),
            (".5", PriceError::OtherwiseWritten),
            ("5.", PriceError::OtherwiseWritten),
            ("007", PriceError::OtherwiseWritten),
            ("+5", PriceError::OtherwiseWritten),
            ("10,50", PriceError::OtherwiseWritten),
            ("1,234.50", PriceError::OtherwiseWritten),
            ("$10", PriceError::OtherwiseWritten),
            (" 2.50", PriceError::OtherwiseWritten),
            ("1e5.0", PriceError::NotANumber),
            ("--1", PriceError::OtherwiseWritten),
            ("٣", PriceError::NotANumber),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    #[test]
    fn amounts_are_compared_without_their_trailing_zeros() {
        let price = |text| Price::from_json_number(text).unwrap();
        assert!(price("10.50").same_amount(price("10.5")));
        assert!(price("10").same_amount(price("10.00")));
        assert!(!price("10.5").same_amount(price("10.51")));
    }

    proptest! {
        #[test]
        fn every_price_is_read_back_as_it_was_written(unscaled in 1_i64..10_000_000_000, scale in 0_i32..=2) {
            if let Ok(price) = Price::new(unscaled, scale) {
                prop_assert_eq!(Price::from_json_number(&price.to_string()), Ok(price));
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[-+]?[0-9]{0,30}\\.?[0-9]{0,30}([eE][-+]?[0-9]{0,30})?") {
            let _ = Price::from_json_number(&text);
        }
    }
}
