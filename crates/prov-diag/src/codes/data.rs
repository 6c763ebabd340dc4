//! Codes of outside data: sources, tables, catalogs, the actual state.

use super::{Example::Shown, codes};

codes! {
    MISSING_COLUMN = "P0601" Error "a column is missing" {
        "The policy, or the form of the file, needs a column that the file's first line does not name (in JSON Lines: that no object has). Names are compared exactly. Prov refuses the whole file: were it to read the column as empty, one renamed export would change everybody's access at once.\n\nRename the column in the export, or map it in the source: `department = row.Dept`."
        bad Shown("`people.csv`, for an identity with the attributes `id` and `department`:\n\nid,departement\n1,Sales\n"),
        good Shown("id,department\n1,Sales\n"),
    }
    BAD_VALUE = "P0602" Error "a value is not of its type" {
        "The text of the cell can't be read as the type that the policy gives the attribute. In a source the row is rejected and the identity is held as it is: no grants, no revokes, until the row can be read again. In a table the file is refused.\n\nMend the value where it comes from, or convert it in the source: `start = date(row.start, \"%d.%m.%Y\")`."
        bad Shown("`people.csv`, for `start : date`:\n\nid,start\n1,02.03.2026\n"),
        good Shown("id,start\n1,2026-03-02\n"),
    }
    UNKNOWN_VARIANT = "P0603" Error "a value is not a variant of its enum" {
        "The cell holds a value that the attribute's `enum(…)` does not list. Variants are compared exactly, upper and lower case too: an unknown status must never pass for a known one. The row is rejected and the identity held.\n\nAdd the variant to the enum, or map the spelling in the source: `status = match row.status { \"Active\" => active, \"On Leave\" => leave }`."
        bad Shown("`people.csv`, for `status : enum(active, leave)`:\n\nid,status\n1,Active\n"),
        good Shown("id,status\n1,active\n"),
    }
    MISSING_VALUE = "P0604" Error "a value is missing where there must be one" {
        "The cell is empty (or the JSON field is `null`, or not there), and the attribute's type has no `?`. Prov does not make a value up: the row is rejected and the identity held.\n\nFill the cell, or say in the policy that the attribute may be absent: `level : int?`."
        bad Shown("`people.csv`, for `department : text`:\n\nid,department\n1,\n"),
        good Shown("id,department\n1,Sales\n"),
    }
    DUPLICATE_KEY = "P0605" Error "a key stands twice" {
        "Two rows have the same key. Which of them is right, Prov can't know, and the order of rows never decides. In a source all rows of that key are rejected and the identity is held; in a table the file is refused. Keys of type `text` are the same whatever their case and outer blanks.\n\nRemove one of the rows."
        bad Shown("`dept_groups.csv`, for `table dept_groups(department: text key, groups: set of text)`:\n\ndepartment,groups\nSales,crm\nsales,erp\n"),
        good Shown("department,groups\nSales,crm;erp\n"),
    }
    UNMATCHED = "P0606" Error "no arm of a source's `match` takes this value" {
        "The source maps the column by a `match`, and no arm names the value of this row. The row is rejected and the identity held: a status nobody foresaw must not end or start anyone's access.\n\nAdd an arm for the value, if it is right."
        bad Shown("`people.csv`, for `status = match row.Status { \"Active\" => active, \"On Leave\" => leave }`:\n\nid,Status\n1,Sabbatical\n"),
        good Shown("id,Status\n1,On Leave\n"),
    }
    RAGGED_ROW = "P0607" Error "a row has more or fewer cells than the header" {
        "The row has another number of cells than the first line has names, so that no one can tell which cell belongs to which column. Most often a cell holds a comma and is not in quotes. The row is rejected, the others are read.\n\nPut cells with commas, quotes or line breaks in double quotes, and double the quotes in them."
        bad Shown("id,name,city\n1,Lee, Ann,Paris\n"),
        good Shown("id,name,city\n1,\"Lee, Ann\",Paris\n"),
    }
    BAD_JSON = "P0608" Error "this is not the JSON that is expected" {
        "A file of JSON Lines holds one object a line; a `.json` file holds one array of objects. This line (or element) is not an object, does not follow the grammar of JSON, names a key twice, or is nested too deep. It is rejected, the others are read; where the array itself is broken, the rest of the file can't be trusted."
        bad Shown("{\"id\": \"1\", \"id\": \"2\"}\n"),
        good Shown("{\"id\": \"1\"}\n{\"id\": \"2\"}\n"),
    }
    NOT_UTF8 = "P0609" Error "this is not UTF-8 text" {
        "Prov reads UTF-8 and nothing else: a guess at an encoding would turn names into other names. The message says which byte is wrong, and what the file may be instead: Windows-1252 (Excel's plain CSV) or UTF-16 (Excel's Unicode text).\n\nExport as `CSV UTF-8`, or convert: `iconv -f WINDOWS-1252 -t UTF-8 people.csv > people-utf8.csv`."
        bad Shown("`people.csv`, saved in Windows-1252, where `é` is the byte 0xE9:\n\nid,name\n1,Ren\\xE9\n"),
        good Shown("The same file saved as UTF-8:\n\nid,name\n1,René\n"),
    }
    EMPTY_FILE = "P0610" Error "a file is empty" {
        "The file has no first line, so its columns are not known. An export that failed often leaves an empty file, and an empty file must not be read as `nobody works here any more`. A file with a header and no rows can be read; guards on lost rows look after that case."
        bad Shown("`people.csv` with no bytes, or only blank lines.\n"),
        good Shown("id,department\n"),
    }
    TRUNCATED = "P0611" Warning "a file seems to be cut off" {
        "The file ends within a quoted cell or within a JSON value, as a file does whose copying was interrupted. The rows before are read, but who is missing from such a file can't be taken as gone: absence in it counts for nothing, and nobody is ended for it.\n\nFetch the file again. If it is whole, a double quote is missing somewhere before its end."
        bad Shown("id,name\n1,\"Lee\n"),
        good Shown("id,name\n1,\"Lee\"\n"),
    }
    CELL_TOO_LONG = "P0612" Error "a cell is too long" {
        "A cell holds more than 1 MiB. No attribute of an identity is that long; most often a double quote is missing, and the rest of the file became one cell. The row is rejected.\n\nLook for a lone double quote in the row that is named."
        bad Shown("id,name\n1,\"Lee\n2,\"Ann\"\n…and so on for more than 1 MiB\n"),
        good Shown("id,name\n1,\"Lee\"\n2,\"Ann\"\n"),
    }
    DUPLICATE_COLUMN = "P0613" Error "a column has no name, or one that stands twice" {
        "The first line names the columns, and each name must be there once, so that `row.NAME` means one cell. Blanks around a name don't count.\n\nRename or remove one of the columns in the export."
        bad Shown("id,name,name\n1,Ann,Lee\n"),
        good Shown("id,first_name,last_name\n1,Ann,Lee\n"),
    }
    UNKNOWN_FORMAT = "P0614" Error "a file's format is not known" {
        "Prov chooses how to read a file by the end of its name: `.csv` (comma-separated, the first line names the columns), `.jsonl` or `.ndjson` (a JSON object a line), `.json` (an array of objects), `.parquet`; each may have `.gz` or `.zst` behind it.\n\nRename or convert the file."
        bad Shown("`prov.toml`:\n\n[sources.hr]\nfile = \"people.xlsx\"\n"),
        good Shown("`prov.toml`:\n\n[sources.hr]\nfile = \"people.csv\"\n"),
    }
    BROKEN_FILE = "P0623" Error "a file is broken" {
        "A Parquet or Arrow file, a packed state, or one that is compressed, holds its own description, and can only be read where all of it is there. This one is cut off, still being written, damaged, or has a column of a type that says nothing about people (bytes, maps, intervals). Nothing of it was read. Where the column is named, only that one is to blame; columns that the policy does not look at are never read.\n\nFetch the file again, or write it anew."
        bad Shown("`hr.parquet`, of which the last bytes did not arrive\n"),
        good Shown("`hr.parquet`, copied whole; or `hr.csv`, of which every row before the cut can be read\n"),
    }
    CANNOT_READ = "P0615" Error "a file can't be read" {
        "The file is not there, or its permissions don't let it be read, or the disk failed. Paths in `prov.toml` start from the policy's folder; paths on the command line from the folder you stand in."
        bad Shown("`prov.toml`, where there is no `data/poeple.csv`:\n\n[sources.hr]\nfile = \"data/poeple.csv\"\n"),
        good Shown("[sources.hr]\nfile = \"data/people.csv\"\n"),
    }
    BAD_CATALOG = "P0616" Error "a catalog can't be used as it is" {
        "A catalog lists the values that an entitlement may have: a CSV file with a column `value` (or the first column), one value a line. An empty catalog would withhold every grant of its kind, so it is an error; a value that stands twice does no harm and is reported as a warning."
        bad Shown("`ad-groups.csv`:\n\nvalue\n"),
        good Shown("value\nall-staff\nprod-admins\n"),
    }
    UNKNOWN_APP_OR_KIND = "P0617" Warning "the actual state names what the policy does not" {
        "A row of `accounts.csv` or `entitlements.csv` names an app, or a kind of entitlement, that the policy does not declare. Prov can't say what should be there, so it leaves it alone and does not compare those rows. Said once a name, with the number of rows.\n\nIf the name is misspelled, mend it; if the app is not Prov's to look after, leave its rows out."
        bad Shown("`entitlements.csv`, for a policy with `app ad`:\n\napp,identity,kind,value\nactive_directory,1,group,all-staff\n"),
        good Shown("app,identity,kind,value\nad,1,group,all-staff\n"),
    }
    DUPLICATE_ACCOUNT = "P0618" Warning "an account stands twice" {
        "Two rows of `accounts.csv` speak of the same account of the same app. Where they are equal in all that is compared, one of them is dropped; where they differ, Prov can't know which is right, and both rows are rejected. Names of accounts are compared as the type of the app's first account attribute says."
        bad Shown("app,account,identity,enabled\nad,alee,1,true\nad,alee,2,true\n"),
        good Shown("app,account,identity,enabled\nad,alee,1,true\nad,blee,2,true\n"),
    }
    NO_KEY_COLUMN = "P0619" Warning "accounts can't be found by a column that is not there" {
        "`correlate ATTRIBUTE = …` finds the accounts of an app that exist already and name no identity, by a column of `accounts.csv`. Without the column nobody is found by it, and an account that exists may be made a second time under another name."
        bad Shown("`account { correlate badge = id  login = id }`, and accounts.csv:\n\napp,account,identity,enabled\nad,jdupont,,true\n"),
        good Shown("app,account,identity,enabled,badge\nad,jdupont,,true,E10064\n"),
    }
    ODD_REFERENCES = "P0620" Warning "references that lead to nobody or in a circle" {
        "A reference holds the key of another identity. Where nobody has that key (a manager who left, a slip of the keys) it reads as absent; where following it comes back to the same person, every evaluation still ends, but the data is likely wrong. Both are counted with a few examples."
        bad Shown("id,manager\n1,9\n2,1\n"),
        good Shown("id,manager\n1,\n2,1\n"),
    }
    SHARED_VALUE = "P0621" Error "a row that several identities could be meant by" {
        "The source joins identities by an attribute that is not their key, and several identities have the row's value. Whose row it is, Prov can't know: it is rejected, and each of those identities is held.\n\nJoin by the key, or mend the value at the source: no two people have one mail address."
        bad Shown("`badges.csv`, for `source badges of person joins mail { site = row.Building }`, where two people have the address `info@acme.example`:\n\nmail,Building\ninfo@acme.example,Paris 1\n"),
        good Shown("mail,Building\nann@acme.example,Paris 1\n"),
    }
    ROW_OF_NOBODY = "P0622" Warning "rows of nobody" {
        "A source that joins identities has rows whose value no identity has: of people who left, of people whom no authoritative source knows, or mistyped ones. Only authoritative sources say who there is, so these rows give nothing. They are counted with a few examples."
        bad Shown("`badges.csv`, for `source badges of person joins id { site = row.Building }`, where nobody is `9`:\n\nid,Building\n9,Paris 1\n"),
        good Shown("id,Building\n1,Paris 1\n"),
    }
}
