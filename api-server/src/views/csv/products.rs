//! Products as lines of CSV. Pure.

use super::table::Columns;
use super::{Record, write_line};
use crate::models::bulk::{Fault, Line};
use crate::models::product::{
    BRAND_MAX, CATEGORY_MAX, Change, DESCRIPTION_MAX, NAME_MAX, SKU_MAX, check_line, check_paragraphs,
};
use crate::models::{Price, ProductRef, ProductSink};

/// Names of the columns, in the order in which they are written.
pub const COLUMNS: [&str; 6] = ["sku", "name", "price", "brand", "category", "description"];
/// Columns that a file must have.
pub const NEEDED: [&str; 3] = ["sku", "name", "price"];

/// Reads a line: everything that the product of its sku is to have. What the file has no column for
/// stays as it is.
pub fn read(columns: &Columns, record: &Record) -> Result<Line<Change>, Vec<Fault>> {
    let mut cells = columns.cells(record)?;
    let sku = cells.checked("sku", |text| check_line(text, SKU_MAX));
    let name = cells.checked("name", |text| check_line(text, NAME_MAX));
    let price = cells.text("price").and_then(|text| match Price::from_json_number(&text) {
        Ok(price) => Some(price),
        Err(error) => {
            cells.wrong("price", ("out_of_range", error.to_string()));
            None
        }
    });
    let change = Change {
        sku,
        name,
        price,
        brand: cells.optional("brand", |text| check_line(text, BRAND_MAX)),
        category: cells.optional("category", |text| check_line(text, CATEGORY_MAX)),
        description: cells.optional("description", |text| check_paragraphs(text, DESCRIPTION_MAX)),
    };
    cells.finish(Some(change))
}

/// Products of an export, written as they are decoded.
#[derive(Debug, Default)]
pub struct Lines(pub Vec<u8>);

impl Lines {
    /// Lines that begin with the names of the columns.
    pub fn with_head() -> Self {
        let mut out = Vec::new();
        write_line(&mut out, COLUMNS);
        Self(out)
    }
}

impl ProductSink for Lines {
    fn product(&mut self, row: ProductRef<'_>) {
        let price = row.price.to_string();
        let text = |text: Option<&'_ str>| text.unwrap_or_default().to_owned();
        let (brand, category, description) = (text(row.brand), text(row.category), text(row.description));
        write_line(&mut self.0, [row.sku, row.name, &price, &brand, &category, &description]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;

    fn lines(text: &str) -> Vec<Result<Line<Change>, Vec<Fault>>> {
        let mut reader = Reader::default();
        let mut rest = text.as_bytes();
        let head = reader.next(&mut rest).unwrap();
        let columns = Columns::read(&head, &COLUMNS, &NEEDED).unwrap();
        let mut found = Vec::new();
        while let Some(record) = reader.next(&mut rest) {
            found.push(read(&columns, &record));
        }
        found
    }

    #[test]
    fn a_line_says_what_its_columns_say_and_nothing_of_others() {
        let found = lines("price,sku,name,brand\n10.50,A,Tea,\n1e1,B,\"Tea, green\",Hillside\n");
        let first = found[0].as_ref().unwrap();
        assert_eq!(first.number, 2);
        assert_eq!(first.says.sku.as_deref(), Some("A"));
        assert_eq!(first.says.price.unwrap().to_string(), "10.50");
        assert_eq!((&first.says.brand, &first.says.category), (&Some(None), &None));
        let second = found[1].as_ref().unwrap();
        assert_eq!(second.says.name.as_deref(), Some("Tea, green"));
        assert_eq!(second.says.brand, Some(Some("Hillside".to_owned())));
    }

    #[test]
    fn every_wrong_cell_of_a_line_is_named() {
        let found = lines("sku,name,price,category\n,a ,10.505, x\nA,b,0,\nA,b,ten,\nA,b\nA,b,1,c,d\nA,\"b\nc\",1,\n");
        let told = |at: usize| {
            let faults = found[at].as_ref().unwrap_err().iter();
            faults.map(|fault| (fault.line, fault.column.unwrap_or("-"), fault.code.as_ref())).collect::<Vec<_>>()
        };
        let first = [
            (2, "sku", "too_short"),
            (2, "name", "blank_ends"),
            (2, "price", "out_of_range"),
            (2, "category", "blank_ends"),
        ];
        assert_eq!(told(0), first);
        assert_eq!(told(1), [(3, "price", "out_of_range")]);
        assert_eq!(told(2), [(4, "price", "out_of_range")]);
        assert_eq!(told(3), [(5, "-", "wrong_number_of_columns")]);
        assert_eq!(told(4), [(6, "-", "wrong_number_of_columns")]);
        assert_eq!(told(5), [(7, "name", "control_character")]);
    }

    #[test]
    fn heads_that_name_no_table_are_refused() {
        for (head, code) in [
            ("sku,name\n", "missing_column"),
            ("sku,name,price,colour\n", "unknown_column"),
            ("sku,name,price,sku\n", "repeated_column"),
            ("sku;name;price\n", "unknown_column"),
            ("SKU,name,price\n", "unknown_column"),
            ("\"sku,name,price\n", "open_quotes"),
        ] {
            let mut reader = Reader::default();
            let mut rest = head.as_bytes();
            let record = reader.next(&mut rest).or_else(|| reader.finish()).unwrap();
            let faults = Columns::read(&record, &COLUMNS, &NEEDED).unwrap_err();
            assert_eq!((faults[0].line, faults[0].code.as_ref()), (1, code), "{head}");
        }
        let mut reader = Reader::default();
        let mut found = None;
        for byte in "\u{feff}sku,name,price\n".as_bytes() {
            found = found.or(reader.next(&mut &[*byte][..]));
        }
        assert!(Columns::read(&found.unwrap(), &COLUMNS, &NEEDED).is_ok(), "a byte order mark in pieces");
    }
}
