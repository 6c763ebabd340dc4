//! CSV: one test a kind of bad data, with the message a user sees.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{errors, rejected, rows};
use prov_data::{CELL_LIMIT, Raw, read_csv};

fn read(bytes: impl AsRef<[u8]>) -> Raw {
    read_csv("people.csv", bytes.as_ref()).unwrap()
}

fn refused(bytes: impl AsRef<[u8]>) -> Vec<String> {
    errors(&read_csv("people.csv", bytes.as_ref()).unwrap_err())
}

#[test]
fn rows_come_with_their_physical_lines() {
    let raw = read("id,name\n1,Ann\n\n2,\"Lee\nJr\"\n3,Bo\n");
    assert_eq!(rows(&raw.table), ["2: 1|Ann", "4: 2|Lee\nJr", "6: 3|Bo"]);
    assert!(raw.rejections.is_empty() && raw.notices.is_empty() && !raw.truncated);
}

#[test]
fn line_breaks_may_be_of_any_kind_and_the_last_may_lack() {
    for text in ["id,name\r\n1,Ann\r\n2,Bo", "id,name\n1,Ann\n2,Bo\n", "id,name\r1,Ann\r2,Bo\r"] {
        assert_eq!(rows(&read(text).table), ["2: 1|Ann", "3: 2|Bo"], "{text:?}");
    }
}

#[test]
fn a_mark_and_blanks_around_names_are_taken_off() {
    assert_eq!(read("\u{feff} id ,\" full name \" \n").table.columns, ["id", "full name"]);
}

#[test]
fn quotes_hold_commas_quotes_and_blanks() {
    let raw = read("id,name\n1,\"Lee, \"\"Ann\"\"\"\n2, kept \n3,5\" pipe\n4,\"\"\n");
    assert_eq!(rows(&raw.table), ["2: 1|Lee, \"Ann\"", "3: 2| kept ", "4: 3|5\" pipe", "5: 4|-"]);
}

#[test]
fn a_header_alone_is_no_rows() {
    assert_eq!(read("id,name").rows(), 0);
}

#[test]
fn an_empty_file_names_no_columns() {
    for empty in ["", "\u{feff}", "\n \r\n"] {
        assert_eq!(
            refused(empty),
            [
                "P0610 error people.csv: `people.csv` is empty: the first line must name the columns (help: an export that \
              failed often leaves an empty file: fetch it again; `nobody` is a first line with no rows below)"
            ]
        );
    }
}

#[test]
fn columns_have_names_of_their_own() {
    assert_eq!(
        refused("id,name, id ,\n"),
        [
            "P0613 error people.csv:1: columns 1 and 3 are both named `id` (help: rename or remove one of them)",
            "P0613 error people.csv:1: column 4 has no name",
        ]
    );
}

#[test]
fn other_separators_are_told() {
    assert_eq!(
        refused("id;name\n1;Ann\n"),
        [
            "P0614 error people.csv:1: the columns of `people.csv` seem to be separated by `;`; they must be separated by \
          commas (help: export the file with commas as separators)"
        ]
    );
    assert!(refused("id\tname\n")[0].contains("separated by a tab;"));
}

#[test]
fn ragged_rows_are_rejected_and_the_rest_is_read() {
    let raw = read("id,name,city\n1,Lee, Ann,Paris\n2,Bo\n3,Cy,Rome\n");
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0607 people.csv:2: the row has 4 cells, but line 1 names 3 columns: is there a comma in a cell that is not \
             in double quotes?",
            "P0607 people.csv:3: the row has 2 cells, but line 1 names 3 columns: is a comma missing, or a line broken in \
             two?",
        ]
    );
    assert_eq!(rows(&raw.table), ["4: 3|Cy|Rome"]);
    assert_eq!(raw.rows(), 3);
}

#[test]
fn text_behind_a_closing_quote_is_rejected() {
    let raw = read("id,name\n1,\"Ann\" Lee\n2,\"Bo\" \n");
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0607 people.csv:2, column `name`: text stands behind the closing quote of a cell; a quote within quotes must be \
          doubled"
        ]
    );
    assert_eq!(rows(&raw.table), ["3: 2|Bo"]);
}

#[test]
fn a_byte_that_is_not_utf8_is_shown_with_its_place_and_a_guess() {
    let raw = read(b"id,name\n1,Ren\xE9\n2,\"A\nB\xE9\"\n3,Bo\n");
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0609 people.csv:2, column `name`: character 6: the byte 0xE9 is not UTF-8; in Windows-1252 it would be `é`: \
             export the file as UTF-8",
            "P0609 people.csv:3, column `name`: line 4, character 2: the byte 0xE9 is not UTF-8; in Windows-1252 it would \
             be `é`: export the file as UTF-8",
        ]
    );
    assert_eq!(rows(&raw.table), ["5: 3|Bo"]);
    assert_eq!(
        refused(b"id,pr\xE9nom\n"),
        [
            "P0609 error people.csv:1: the names of the columns can't be read: the byte 0xE9 is not UTF-8; in Windows-1252 it \
          would be `é`: export the file as UTF-8"
        ]
    );
}

#[test]
fn utf16_is_refused_with_the_way_out() {
    assert_eq!(
        refused(b"\xFF\xFEi\0d\0"),
        [
            "P0609 error people.csv:1: `people.csv` is UTF-16LE text; it must be UTF-8 (help: export it as UTF-8 (in Excel: \
          `CSV UTF-8`), or convert it: `iconv -f UTF-16 -t UTF-8 people.csv`)"
        ]
    );
    assert!(refused(b"i\0d\0,\0x\0\n\0")[0].contains("is the file UTF-16"));
}

#[test]
fn nul_bytes_are_no_text() {
    let raw = read("id,name\n1,A\0nn\n");
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0609 people.csv:2, column `name`: character 4: a NUL byte is no text; is the file UTF-16, or not a text file?"
        ]
    );
}

#[test]
fn a_cell_over_the_limit_is_rejected() {
    let long = "x".repeat(10 * CELL_LIMIT);
    let raw = read(format!("id,name\n1,{long}\n2,Bo\n"));
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0612 people.csv:2, column `name`: the cell has 10485760 bytes, over the limit of 1 MiB: is a closing quote \
          missing before it?"
        ]
    );
    assert_eq!(rows(&raw.table), ["3: 2|Bo"]);
    assert!(read(format!("id,name\n1,{}\n", "x".repeat(CELL_LIMIT))).rejections.is_empty());
}

#[test]
fn a_file_that_ends_within_quotes_is_cut_off() {
    let raw = read("id,name\n1,Ann\n2,\"Bo\n3,Cy\n");
    let message = "the file ends within a cell in quotes that begins in this row: the file is cut off, or a quote is missing";
    assert_eq!(rejected(&raw.rejections), [format!("P0611 people.csv:3: {message}")]);
    assert_eq!(
        errors(&raw.notices),
        [format!(
            "P0611 warning people.csv:3: `people.csv` seems to be cut off: {message} (help: fetch the file again; until \
             then, who is absent from it does not count as gone)"
        )]
    );
    assert!(raw.truncated);
    assert_eq!(rows(&raw.table), ["2: 1|Ann"]);
    assert!(
        refused("id,\"na")[0]
            .starts_with("P0611 error people.csv:1: the file ends within a quoted column name")
    );
}

#[test]
fn a_file_that_ends_within_a_row_or_a_character_is_cut_off() {
    let raw = read("id,name,city\n1,Ann,Rome\n2,Bo");
    assert!(raw.truncated);
    assert_eq!(
        rejected(&raw.rejections),
        ["P0611 people.csv:3: the last row has 2 cells, line 1 names 3 columns, and no line break ends it"]
    );
    let raw = read(b"id,name\n1,Ren\xC3");
    assert!(raw.truncated);
    assert_eq!(rejected(&raw.rejections), ["P0611 people.csv:2: the file ends within a character"]);
    assert!(!read("id,name\n1").rejections.is_empty());
    assert!(!read("id,name\n1\n").truncated, "a whole line that is too short is no cut");
}

#[test]
fn files_that_are_only_good_as_a_whole_are_refused_for_one_row() {
    assert_eq!(
        errors(&read("id,name\n1\n2,Bo\n").whole().unwrap_err()),
        [
            "P0607 error people.csv:2: the row has 1 cell, but line 1 names 2 columns: is a comma missing, or a line broken \
          in two? (help: mend the row: a table or catalog is read whole or not at all, so that no rule goes by a part of it)"
        ]
    );
    assert!(read("id,name\n2,\"Bo").whole().unwrap_err().iter().all(|d| d.is_error()));
    assert_eq!(read("id,name\n2,Bo\n").whole().unwrap().len(), 1);
}

#[test]
fn the_end_of_a_name_says_how_a_file_is_read() {
    assert_eq!(prov_data::read_table("a/B.CSV", b"id\n1\n").unwrap().rows(), 1);
    assert_eq!(prov_data::read_table("b.ndjson", b"{\"id\":1}").unwrap().rows(), 1);
    for name in ["people.xlsx", "people", "a.csv/people"] {
        assert_eq!(
            errors(&prov_data::read_table(name, b"").unwrap_err()),
            [format!(
                "P0614 error : `{name}` is of no format that can be read (help: files end in `.csv` (comma-separated, the \
                 first line names the columns), `.jsonl` or `.ndjson` (a JSON object a line), `.json` (an array of \
                 objects), `.parquet`, or `.arrow`, `.feather` and `.arrows`)"
            )]
        );
    }
}
