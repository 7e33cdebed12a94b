//! Stocks as lines of CSV. Pure.

use super::table::Columns;
use super::{Form, Record};
use crate::models::bulk::{Fault, Line, StockLine};
use crate::models::ledger::{Change, QUANTITY_MAX};
use crate::models::product::SKU_MAX;
use crate::models::stocks::Row;
use crate::models::text::Text;

/// Names of the columns that an export has.
pub const COLUMNS: [&str; 2] = ["sku", "quantity"];
/// Names that an import may have.
pub const KNOWN: [&str; 3] = ["sku", "quantity", "delta"];

/// Reads the first line: a file counts (`quantity`) or adds (`delta`), not both.
pub fn read_head(head: &Record) -> Result<Columns, Vec<Fault>> {
    let columns = Columns::read(head, &KNOWN, &["sku"])?;
    match (columns.has("quantity"), columns.has("delta")) {
        (true, false) | (false, true) => Ok(columns),
        _ => {
            let detail = "a file of stocks has either quantity or delta".to_owned();
            Err(vec![Fault::of(head.line, None, ("quantity_or_delta", detail))])
        }
    }
}

/// Reads a line.
pub fn read(columns: &Columns, record: &Record) -> Result<Line<StockLine>, Vec<Fault>> {
    let mut cells = columns.cells(record)?;
    let sku = cells.checked("sku", |text| Text::Identifier.read(text, SKU_MAX));
    let name = if columns.has("delta") { "delta" } else { "quantity" };
    let least = if name == "delta" { -QUANTITY_MAX } else { 0 };
    let units = cells.number(name).and_then(|text| {
        let units = whole(&text).filter(|units| (least..=QUANTITY_MAX).contains(units));
        let rule = match units {
            Some(0) if name == "delta" => ("zero", "must not be 0".to_owned()),
            Some(units) => return Some(units),
            None => ("out_of_range", format!("must be a whole number from {least} to {QUANTITY_MAX}")),
        };
        cells.wrong(name, rule);
        None
    });
    let change = units.map(|units| match name {
        "delta" => Change::Add { delta: units },
        _ => Change::Set { quantity: units },
    });
    let says = sku.zip(change).map(|(sku, change)| StockLine { sku, change });
    cells.finish(says)
}

/// Digits, with a minus sign or without; and with zeros after a point, which a column with gaps is written with.
fn whole(text: &str) -> Option<i64> {
    let text = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let fits = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// The lines of a page; products without a stock have none.
pub fn lines(form: Form, out: &mut Vec<u8>, rows: &[Row]) {
    for (product, balance) in rows {
        if let Some(balance) = balance {
            form.write_line(out, [&*form.text(&product.sku), &balance.quantity.to_string()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;

    type Read = Result<Line<StockLine>, Vec<Fault>>;

    fn read_all(text: &str) -> Result<Vec<Read>, Vec<Fault>> {
        let mut reader = Reader::default();
        let mut rest = text.as_bytes();
        let columns = read_head(&reader.next(&mut rest).unwrap())?;
        let mut found = Vec::new();
        while let Some(record) = reader.next(&mut rest) {
            found.push(read(&columns, &record));
        }
        Ok(found)
    }

    #[test]
    fn a_file_counts_or_adds() {
        let counted = read_all("sku,quantity\nA,0\nB,1000000000\n").unwrap();
        assert_eq!(counted[1].as_ref().unwrap().says.change, Change::Set { quantity: QUANTITY_MAX });
        let added = read_all("delta,sku\n-3,A\n").unwrap();
        assert_eq!(added[0].as_ref().unwrap().says, StockLine { sku: "A".into(), change: Change::Add { delta: -3 } });
        for head in ["sku\n", "sku,quantity,delta\n", "quantity\n", "sku,name,quantity\n"] {
            assert!(read_all(head).is_err(), "{head}");
        }
    }

    #[test]
    fn numbers_at_every_edge_are_told() {
        for (written, quantity) in [("12.0", 12), ("8.000", 8), ("7", 7)] {
            let found = read_all(&format!("sku,quantity\nA,{written}\n")).unwrap();
            assert_eq!(found[0].as_ref().unwrap().says.change, Change::Set { quantity }, "{written}");
        }
        assert!(read_all("sku;quantity\nA;12,0\n").unwrap()[0].is_ok());
        for bad in [
            "",
            "-1",
            "1.5",
            "1.",
            ".0",
            "1.0.0",
            "1e3",
            "+1",
            " 1",
            "1000000001",
            "9223372036854775808",
            "0x1",
            "١",
            "--1",
            "-",
        ] {
            let found = read_all(&format!("sku,quantity\nA,{bad}\n")).unwrap();
            assert_eq!(found[0].as_ref().unwrap_err()[0].code, "out_of_range", "{bad}");
        }
        for (bad, code) in [("0", "zero"), ("-0", "zero"), ("-1000000001", "out_of_range")] {
            let found = read_all(&format!("sku,delta\nA,{bad}\n")).unwrap();
            assert_eq!(found[0].as_ref().unwrap_err()[0].code, code, "{bad}");
        }
    }
}
