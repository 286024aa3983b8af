//! What the gateway promises, held against the whole process: killed, with a disk that refuses, before systems that
//! fail, and with clients that hang up.

mod faulty_systems;
mod hanging_up;
mod killing;
mod memory;
mod support;
mod unwritable;
