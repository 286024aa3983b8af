//! Push: what is acknowledged is on the disk, arrives once in effect, and in order for each person.

mod asking;
mod delivering;
mod enclosed;
mod fair;
mod forms;
mod inbox;
mod killing;
mod known;
mod leaving;
mod letters;
mod noticing;
mod owed;
mod places;
mod proving;
mod receiving;
mod releases;
mod rereading;
mod rows;
mod sending;
mod storing;
mod support;
mod talking;
mod turning;
mod unsaid;
mod waiting;
mod whole;
