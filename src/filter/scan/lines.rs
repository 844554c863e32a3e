//! Lines of JSON, each a value of its own.

use super::{
    Content, Limits, Node, Piece, Reason, Scanned, Scanner, Shape, Uninspectable, Walk, Written,
    index,
};

/// Reads lines, each a value of its own that ends with its line (NDJSON): `shape` is an array of them. A
/// line without a value is refused; the last may lack its end.
///
/// # Errors
/// As [`scan`].
pub(in crate::filter) fn lines<'a>(
    shape: &'a Shape,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Scanned<'a>, Uninspectable> {
    let mut scanner = match body {
        [] => Scanner::over(shape, Walk::nothing(limits), limits),
        _ => Scanner::new(shape, body, limits)?,
    };
    let Node::Array(item) = &shape.root else {
        return Err(scanner.walk.reader.refuse(Reason::Mismatch));
    };
    scanner.lines(item)?;
    Ok(scanner.finish(&shape.root, Written::Lines))
}

impl<'a> Scanner<'a> {
    fn lines(&mut self, item: &'a Node) -> Result<(), Uninspectable> {
        self.pieces.push(Piece {
            member: 0,
            content: Content::Array { after: 1 },
        });
        if self.walk.reader.position() > 0 {
            return Err(self.walk.reader.unexpected());
        }
        let mut earlier: Option<usize> = None;
        while self.walk.reader.begin_line()? {
            let start = self.walk.reader.position();
            let inside = earlier.and_then(|at| Some(at + 1..self.pieces.get(at)?.next(at)));
            earlier = Some(self.pieces.len());
            self.value(item, 0, inside.unwrap_or_default(), 1)?;
            self.walk.reader.end_line(start)?;
        }
        let after = index(self.pieces.len());
        self.close(0, Content::Array { after });
        Ok(())
    }
}
