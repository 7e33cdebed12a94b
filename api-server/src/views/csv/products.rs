//! Products as lines of CSV. Pure.

use super::table::Columns;
use super::{Form, Record};
use crate::models::bulk::{Fault, Line};
use crate::models::product::{BRAND_MAX, CATEGORY_MAX, Change, DESCRIPTION_MAX, NAME_MAX, SKU_MAX};
use crate::models::text::Text;
use crate::models::{Price, ProductRef, ProductSink};

/// Names of the columns, in the order in which they are written.
pub const COLUMNS: [&str; 6] = ["sku", "name", "price", "brand", "category", "description"];

/// Reads the first line: the sku, and something that is said of it.
pub fn read_head(head: &Record) -> Result<Columns, Vec<Fault>> {
    let columns = Columns::read(head, &COLUMNS, &["sku"])?;
    if COLUMNS[1..].iter().any(|name| columns.has(name)) {
        return Ok(columns);
    }
    let detail = format!("a file has sku and at least one of {}", COLUMNS[1..].join(", "));
    Err(vec![Fault::of(head.line, None, ("missing_column", detail))])
}

/// Reads a line: everything that the product of its sku is to have. What the file has no column for
/// stays as it is.
pub fn read(columns: &Columns, record: &Record) -> Result<Line<Change>, Vec<Fault>> {
    let mut cells = columns.cells(record)?;
    let sku = cells.checked("sku", |text| Text::Identifier.read(text, SKU_MAX));
    let name = cells.checked("name", |text| Text::Name.read(text, NAME_MAX));
    let price = cells.number("price").and_then(|text| match Price::from_json_number(&text) {
        Ok(price) => Some(price),
        Err(error) => {
            cells.wrong("price", (error.code(), error.to_string()));
            None
        }
    });
    let change = Change {
        sku,
        name,
        price,
        brand: cells.optional("brand", |text| Text::Name.read(text, BRAND_MAX)),
        category: cells.optional("category", |text| Text::Name.read(text, CATEGORY_MAX)),
        description: cells.optional("description", |text| Text::Paragraphs.read(text, DESCRIPTION_MAX)),
        low_stock: None,
        restore: false,
    };
    cells.finish(Some(change))
}

/// Products of an export, written as they are decoded.
#[derive(Debug, Default)]
pub struct Lines {
    pub out: Vec<u8>,
    form: Form,
}

impl Lines {
    /// Lines that begin with the names of the columns, if they are the first ones.
    pub fn new(form: Form, first: bool) -> Self {
        Self { out: if first { form.head(&COLUMNS) } else { Vec::new() }, form }
    }
}

impl ProductSink for Lines {
    fn product(&mut self, row: ProductRef<'_>) {
        let form = self.form;
        let [sku, name] = [row.sku, row.name].map(|text| form.text(text));
        let [brand, category, description] =
            [row.brand, row.category, row.description].map(|text| form.text(text.unwrap_or_default()));
        let price = form.price(row.price);
        form.write_line(&mut self.out, [&*sku, &name, &price, &brand, &category, &description]);
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
        let columns = read_head(&head).unwrap();
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
        assert_eq!(told(2), [(4, "price", "not_a_number")]);
        assert_eq!(told(3), [(5, "-", "wrong_number_of_columns")]);
        assert_eq!(told(4), [(6, "-", "wrong_number_of_columns")]);
        assert_eq!(told(5), [(7, "name", "control_character")]);
    }

    #[test]
    fn prices_are_written_as_in_json_or_with_a_comma_between_semicolons() {
        let price = |text: &str| match &lines(text)[0] {
            Ok(line) => line.says.price.unwrap().to_string(),
            Err(faults) => faults[0].code.to_string(),
        };
        for (written, read) in [
            ("1E3", "1000"),
            ("39.90", "39.90"),
            (".5", "not_a_number"),
            ("5.", "not_a_number"),
            ("007", "not_a_number"),
            ("\"10,50\"", "not_a_number"),
            ("\"1,234.50\"", "not_a_number"),
            ("$10", "not_a_number"),
            (" 2.50", "not_a_number"),
        ] {
            assert_eq!(price(&format!("sku,price\nA,{written}\n")), read, "{written}");
        }
        for (written, read) in
            [("10,50", "10.50"), ("10.50", "10.50"), ("1.234,50", "not_a_number"), ("1.234", "out_of_range")]
        {
            assert_eq!(price(&format!("sku;price\nA;{written}\n")), read, "{written}");
        }
        let european = Form { mark: true, semicolons: true, formulas_quoted: true };
        let mut export = Lines::new(european, true);
        let product = crate::models::product::Draft {
            sku: "A".into(),
            name: "=1+1; two".into(),
            price: Price::new(1050, 2).unwrap(),
            brand: Some("+4".into()),
            description: None,
            category: None,
            low_stock: None,
        };
        export.product(product.into_product(uuid::Uuid::nil(), 0).borrowed());
        let expected = "\u{feff}sku;name;price;brand;category;description\r\nA;\"'=1+1; two\";10,50;'+4;;\r\n";
        assert_eq!(String::from_utf8(export.out).unwrap(), expected);
    }

    #[test]
    fn what_a_head_should_have_been_is_told() {
        let told = |text: &str| {
            let mut reader = Reader::default();
            let mut rest = text.as_bytes();
            let record = reader.next(&mut rest).unwrap();
            read_head(&record).unwrap_err().into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("; ")
        };
        assert!(told("SKU,name,price\n").contains("names are in lower case, sku"));
        assert!(told("sku,name,price,\n").contains("column 4 has no name: take it out"));
        assert!(told("Variant SKU,Title\n").contains("column 1 is called \"Variant SKU\""));
        assert!(told("\u{fffe}sku,name\n").contains("no known name"));
        assert!(told("s\0k\0u\0,\0\n").contains("CSV UTF-8"));
        assert!(told("PK\u{3}\u{4}\n").contains("workbook"));
    }

    #[test]
    fn heads_that_name_no_table_are_refused() {
        for (head, code) in [
            ("name,price\n", "missing_column"),
            ("sku\n", "missing_column"),
            ("sku,name,price,colour\n", "unknown_column"),
            ("sku,name,price,sku\n", "repeated_column"),
            ("sku|name|price\n", "unknown_column"),
            ("SKU,name,price\n", "unknown_column"),
            ("Variant SKU,Title,Variant Price\n", "unknown_column"),
            ("\"sku,name,price\n", "open_quotes"),
        ] {
            let mut reader = Reader::default();
            let mut rest = head.as_bytes();
            let record = reader.next(&mut rest).or_else(|| reader.finish()).unwrap();
            let faults = read_head(&record).unwrap_err();
            assert_eq!((faults[0].line, faults[0].code.as_ref()), (1, code), "{head}");
        }
        let mut reader = Reader::default();
        let mut found = None;
        for byte in "\u{feff}sku,name,price\n".as_bytes() {
            found = found.or(reader.next(&mut &[*byte][..]));
        }
        assert!(read_head(&found.unwrap()).is_ok(), "a byte order mark in pieces");
    }
}
