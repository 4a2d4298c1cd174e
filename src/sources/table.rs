//! What is to be read of a database that an agent writes.
//!
//! Such a log has rows where others have lines. A source says which tables matter and what belongs to a row; the reading
//! itself, and all SQL, is done by whoever reads files. Each row reaches the source as one line of JSON:
//!
//! ```text
//! {"table":"part","id":"prt_1","session_id":"ses_1","time_created":1,"session":{"directory":"/w"},"twins":0,"data":{…}}
//! ```
//!
//! Columns that a release does not have are left out, and so are those that are null. A row that is asked for again and
//! is gone meanwhile is `{"table":"part","id":"prt_1","gone":true}`.

/// A table of which new rows are read, in the order in which they were inserted.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The column that names a row for good.
    pub id: &'static str,
    /// The column that holds JSON; it becomes the member of its name.
    pub json: &'static str,
    /// Other columns that become members.
    pub columns: &'static [&'static str],
    /// Rows of other tables that a row refers to.
    pub related: &'static [Related],
    /// Questions whether other rows refer to it.
    pub has: &'static [Has],
    /// Which rows are told apart from others with the same JSON, in the member `twins`.
    pub twins: Option<Twins>,
}

/// A row of another table, which becomes a member with the name of that table.
#[derive(Debug)]
pub struct Related {
    /// The other table.
    pub table: &'static str,
    /// Its column that names its rows.
    pub id: &'static str,
    /// Our column with such a name.
    pub by: &'static str,
    /// Its columns that become members.
    pub columns: &'static [&'static str],
    /// Its column that holds JSON.
    pub json: Option<&'static str>,
}

/// Whether there is a row in another table that shares a value with ours.
#[derive(Debug)]
pub struct Has {
    /// The member, `true` or `false`.
    pub name: &'static str,
    /// The other table. Where there is none, there is no such row.
    pub table: &'static str,
    /// Its column, which should have an index.
    pub column: &'static str,
    /// Our column.
    pub by: &'static str,
}

/// How many of the rows before ours in the same group hold the very same JSON.
#[derive(Debug)]
pub struct Twins {
    /// The column that names the group; it should have an index together with the row's id.
    pub group: &'static str,
    /// Only rows whose JSON holds this text are asked about.
    pub containing: &'static str,
}

/// A row that its agent is still going to change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RowId {
    /// Its table.
    pub table: String,
    /// Its id.
    pub id: String,
}
