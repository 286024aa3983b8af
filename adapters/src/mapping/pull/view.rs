//! Rows of a view, one at a time.

use super::super::record::{Header, Input, Rows};
use super::{Naming, Pulled, pulled};
use crate::Context;
use crate::mapping::plan::Plan;
use crate::mapping::{Mapping, Refused};

/// Reads the rows of a view. Resources are named by their keys.
#[derive(Debug)]
pub struct View<'m> {
    plan: &'m Plan,
    context: &'m Context,
    header: Header,
    rows: Rows,
    number: u64,
}

impl Mapping {
    /// Prepares to read rows with these columns, in their order.
    ///
    /// # Errors
    /// [`Refused`] when a column is missing or there twice.
    pub fn view<'m>(&'m self, columns: &[String], context: &'m Context) -> Result<View<'m>, Refused> {
        let header = Header::bind(&self.plan, columns)?;
        Ok(View { plan: &self.plan, context, header, rows: Rows::default(), number: 0 })
    }
}

impl View<'_> {
    /// What the next row becomes; a cell without a value is empty.
    ///
    /// # Errors
    /// [`Refused`] when no resource can be made of it.
    pub fn row<'c>(&mut self, cells: impl Iterator<Item = &'c str>) -> Result<Pulled, Refused> {
        self.rows.clear();
        self.number += 1;
        for cell in cells {
            self.rows.text.push_str(cell);
            self.rows.ends.push(self.rows.text.len());
        }
        self.rows.width = self.rows.ends.len();
        self.rows.numbers.push(self.number);
        if self.rows.width != self.header.names.len() {
            let (found, wanted) = (self.rows.width, self.header.names.len());
            let reach = crate::mapping::Reach::Record;
            return Err(Refused::Ragged { row: self.number, found, wanted, reach });
        }
        pulled(self.plan, self.context, Naming::Keys, Input::Rows(&self.rows, &self.header))
    }
}
