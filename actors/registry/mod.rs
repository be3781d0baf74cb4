//! Who is where: an immutable image of topics, partitions and configs.
//!
//! One owner, the controller, makes the next image and swaps it in; everyone else reads. A reader
//! holds the image it began with for as long as its request takes, so a request sees one state.
//!
//! Deliberately absent: decisions. What a topic is called and how many partitions it has is the
//! controller's to know; here it only becomes visible, and its partitions become actors.

mod arbiters;
mod image;
mod writer;

pub use arbiters::Arbiters;
pub use image::{MetadataImage, PartitionImage, Registry, TopicImage};
pub use writer::{ImageWriter, TopicDescription};
