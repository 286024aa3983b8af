//! Push: what is acknowledged is on the disk, arrives once in effect, and in order for each person.

mod delivering;
mod inbox;
mod killing;
mod letters;
mod places;
mod proving;
mod rows;
mod storing;
mod support;
mod talking;
mod waiting;
mod whole;
