//! The last step to durability, as a seam: a test puts a disk there that forgets what was not flushed, as a power cut does.

use std::{fs::File, io, path::Path};

/// Flushes files and folders.
pub trait Disk: Send + Sync {
    /// Returns once the content of this file is durable.
    fn flush_content(&self, path: &Path, file: &File) -> io::Result<()>;

    /// Returns once this file or folder is durable with everything that is known of it.
    fn flush_all(&self, path: &Path) -> io::Result<()>;
}

/// The machine's own disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineDisk;

impl Disk for MachineDisk {
    fn flush_content(&self, _: &Path, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn flush_all(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    /// What cannot be flushed tells whether somebody tried.
    #[test]
    fn the_machines_disk_asks_the_system_and_hears_its_no() {
        let (_reader, writer) = io::pipe().unwrap();
        let pipe = File::from(OwnedFd::from(writer));
        let refused = MachineDisk.flush_content(Path::new("a pipe"), &pipe).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{refused}");
        let refused = MachineDisk.flush_all(Path::new("/dev/null")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{refused}");
        let folder = std::env::temp_dir();
        MachineDisk.flush_all(&folder).unwrap();
        MachineDisk.flush_content(&folder, &File::open(&folder).unwrap()).unwrap();
    }
}
