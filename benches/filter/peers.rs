//! What others take for the same bytes. Each drops e-mail, telephone and activity of every customer and
//! leaves the first letter of the name, except for `sonic-rs`, which only reads and writes.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

/// Parse, edit, serialise with a tree.
pub(crate) fn serde_json(body: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut answer: Value = serde_json::from_slice(black_box(body))?;
    let records = answer.get_mut("data").and_then(Value::as_array_mut);
    for record in records
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        for withheld in ["email", "phone", "activity"] {
            record.shift_remove(withheld);
        }
        if let Some(Value::String(name)) = record.get_mut("name") {
            name.truncate(name.char_indices().nth(1).map_or(0, |(at, _)| at));
            name.push_str("***");
        }
    }
    Ok(black_box(serde_json::to_vec(&answer)?))
}

/// Parse alone.
pub(crate) fn sonic_parse(body: &[u8]) -> Result<sonic_rs::Value, Box<dyn Error>> {
    Ok(black_box(sonic_rs::from_slice(black_box(body))?))
}

/// Parse and serialise.
pub(crate) fn sonic_parse_and_serialise(body: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(black_box(sonic_rs::to_vec(&sonic_parse(body)?)?))
}

/// LuaJIT with lua-cjson: the engine and the method of gateways that filter in nginx.
pub(crate) struct Lua {
    program: &'static str,
}

/// Where the members are that it edits.
#[derive(Clone, Copy)]
pub(crate) enum Edit {
    /// In the records, which it finds in `data`.
    Records,
    /// Anywhere: without a catalogue, that is what it takes to be sure that none leaves.
    Anywhere,
}

/// Of `arg`: the body's file, `records` or `anywhere`, and seconds of CPU to go on for, or nothing to
/// write the answer once. `os.clock` is CPU time.
const SCRIPT: &str = r#"
local cjson = require "cjson"
local file = assert(io.open(arg[1], "rb"))
local body = file:read "*a"
local function edit(record)
  record.email, record.phone, record.activity = nil, nil, nil
  if type(record.name) == "string" then
    record.name = record.name:match "^[%z\1-\127\194-\244][\128-\191]*" .. "***"
  end
end
local function walk(value)
  edit(value)
  for _, member in pairs(value) do
    if type(member) == "table" then walk(member) end
  end
end
local edits = {
  records = function(answer) for _, record in ipairs(answer.data) do edit(record) end end,
  anywhere = walk,
}
local function filtered()
  local answer = cjson.decode(body)
  edits[arg[2]](answer)
  return cjson.encode(answer)
end
if not arg[3] then io.write(filtered()) return end
local start, count = os.clock(), 0
repeat filtered() count = count + 1 until os.clock() - start > arg[3]
print(#body * count / (os.clock() - start))
"#;

impl Lua {
    /// Debian's `luajit` and `lua-cjson`, where they are installed.
    pub(crate) fn find() -> Option<Self> {
        let programs = ["luajit", "luajit2"].map(|program| Self { program });
        programs.into_iter().find(|lua| {
            let tried = lua.command("require 'cjson'").output();
            tried.is_ok_and(|output| output.status.success())
        })
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(self.program);
        // Arguments of a script begin behind its name; given as a statement, it has none.
        command.args(["-e", script]);
        // Debian builds modules for Lua 5.1, which LuaJIT's own path does not always name.
        let modules = format!(
            "/usr/lib/{}-linux-gnu/lua/5.1/?.so;;",
            std::env::consts::ARCH
        );
        command.env("LUA_CPATH", modules);
        command
    }

    /// What it makes of the body in `file`.
    pub(crate) fn filter(&self, file: &Path, edit: Edit) -> Result<Vec<u8>, Box<dyn Error>> {
        self.run(file, edit, None)
    }

    /// Bytes a second over the body in `file`, of so much CPU time.
    pub(crate) fn rate(
        &self,
        file: &Path,
        edit: Edit,
        time: Duration,
    ) -> Result<f64, Box<dyn Error>> {
        let said = self.run(file, edit, Some(time))?;
        Ok(String::from_utf8(said)?.trim().parse()?)
    }

    fn run(
        &self,
        file: &Path,
        edit: Edit,
        time: Option<Duration>,
    ) -> Result<Vec<u8>, Box<dyn Error>> {
        let file = file.to_str().ok_or("a path that is no text")?;
        let edit = match edit {
            Edit::Records => "records",
            Edit::Anywhere => "anywhere",
        };
        let seconds = time.map_or("nil".to_owned(), |time| time.as_secs_f64().to_string());
        let arguments = format!("arg = {{ {file:?}, {edit:?}, {seconds} }}\n");
        let output = self.command(&(arguments + SCRIPT)).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(output.stdout)
    }
}
