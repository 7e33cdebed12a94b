//! Orders as lines of CSV, a line of the file for each line of an order. Pure.

use uuid::Uuid;

use super::Form;
use crate::models::order::cents;
use crate::models::orders::{NOBODY, Order};

/// Names of the columns. The sum of `line_total` is the sum of the orders' totals.
pub const COLUMNS: [&str; 9] =
    ["order_id", "created_at", "status", "user_id", "payment_id", "product_id", "quantity", "unit_price", "line_total"];

/// Appends the lines of orders.
pub fn lines(form: Form, out: &mut Vec<u8>, orders: &[Order]) {
    for order in orders {
        let id = |id: Uuid| id.to_string();
        let created_at = jiff::Timestamp::from_millisecond(order.created_at).map(|at| format!("{at:.3}"));
        let (order_id, created_at) = (id(order.id), created_at.unwrap_or_default());
        let user = if order.user == NOBODY { String::new() } else { id(order.user) };
        let payment = form.text(order.payment_id.as_deref().unwrap_or_default());
        for line in &order.lines {
            // Within the bounds of an order's total.
            let total = amount(form, cents(line.unit_price).saturating_mul(line.quantity));
            let (product, quantity, price) = (id(line.product), line.quantity.to_string(), form.price(line.unit_price));
            let fields = [
                order_id.as_str(),
                &created_at,
                order.status.name(),
                &user,
                &payment,
                &product,
                &quantity,
                &price,
                &total,
            ];
            form.write_line(out, fields);
        }
    }
}

/// Cents with two places, as prices are written.
fn amount(form: Form, cents: i64) -> String {
    let separator = if form.semicolons { ',' } else { '.' };
    format!("{}{separator}{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Price;
    use crate::models::order::Draft;

    #[test]
    fn each_line_of_an_order_is_a_line_of_the_file_and_their_totals_are_that_of_the_order() {
        let draft = Draft { user: NOBODY, items: vec![(Uuid::from_u128(1), 3), (Uuid::from_u128(2), 1)] };
        let prices = [Price::new(1050, 2).unwrap(), Price::new(5, 1).unwrap()];
        let order = draft.into_order(Uuid::nil(), &prices, 0).unwrap();
        let order = Order { payment_id: Some("=P-1".into()), ..order };
        let mut out = Vec::new();
        lines(Form::default(), &mut out, std::slice::from_ref(&order));
        let nil = Uuid::nil();
        let expected = format!(
            "{nil},1970-01-01T00:00:00.000Z,confirmed,,=P-1,{},3,10.50,31.50\r\n{nil},1970-01-01T00:00:00.000Z,confirmed,,=P-1,{},1,0.5,0.50\r\n",
            Uuid::from_u128(1),
            Uuid::from_u128(2)
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(order.total, 3200);
        let european = Form { mark: false, semicolons: true, formulas_quoted: true };
        let mut out = Vec::new();
        lines(european, &mut out, &[order]);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(";'=P-1;") && text.contains(";10,50;31,50\r\n"), "{text}");
    }
}
