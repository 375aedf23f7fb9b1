//! Edits of the site file as a text: what a technician adds or removes, with every comment kept.

mod by_line;
mod refusal;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

pub use by_line::LineEdit;
pub use refusal::{EditError, Kind};

use super::main_registers::{main_registers, parameter_id};
use crate::document::toml_reason;
use crate::limits;
use crate::model::map_library::MapLibrary;
use crate::model::meter::RegisterMap;
use crate::time::Interval;

/// One edit of the site file.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Adds a `[[meter]]` and, where it has a register map, a `[[point]]` that reads it.
    AddMeter(NewMeter),
    /// Removes a `[[meter]]`.
    RemoveMeter {
        /// Its ID.
        id: String,
        /// Also the Points that read it, and nothing else.
        with_points: bool,
    },
    /// Adds a `[[point]]` on a meter that is there.
    AddPoint(NewPoint),
    /// Adds a `[[platform]]` that may read and administer.
    AddPlatform {
        /// A new ID.
        id: String,
        /// SHA-256 of its token, as 64 hexadecimal digits.
        token_sha256: String,
    },
    /// Removes a `[[point]]` with its parameters.
    RemovePoint {
        /// Its ID.
        id: String,
    },
    /// Changes a line, whatever stands there.
    Line(LineEdit),
    /// Puts another text in the place of the whole file.
    Whole(String),
}

/// A meter to add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewMeter {
    /// A new ID.
    pub id: String,
    /// The line it hangs on.
    pub line: String,
    /// Its address there.
    pub unit: u8,
    /// Its register map.
    pub map: Option<String>,
    /// Current transformer ratio that the meter does not apply itself.
    pub ct: Option<f64>,
    /// Voltage transformer ratio that the meter does not apply itself.
    pub pt: Option<f64>,
    /// How often it is read.
    pub interval: Option<Interval>,
    /// The Point that comes with it.
    pub point: PointPlace,
}

/// A Point to add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewPoint {
    /// The meter that it reads.
    pub meter: String,
    /// Registers of the meter's map; empty for the main ones.
    pub registers: Vec<String>,
    /// What it is called and where it belongs.
    pub place: PointPlace,
}

/// What a new Point is called and where it belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PointPlace {
    /// A new ID; made from the meter's where it is missing.
    pub id: Option<String>,
    /// Shown to people; the ID where it is missing.
    pub name: Option<String>,
    /// The category it belongs to; may be missing where the site has only one.
    pub category: Option<String>,
    /// Its part in the totals; never guessed.
    pub role: Option<String>,
}

/// The text of the site file after `edit`.
///
/// What the edit refers to is checked here, so that the refusal can name what there is; everything
/// else is found by reading the new text as a site.
///
/// # Errors
/// Why the edit is refused.
pub fn apply(text: &str, edit: &Edit, library: &MapLibrary) -> Result<String, EditError> {
    match edit {
        Edit::Line(edit) => return by_line::apply(text, edit),
        Edit::Whole(text) => return SiteText::parse(text).map(|_| text.clone()),
        _ => {}
    }
    let windows = text.contains("\r\n");
    let mut file = SiteText::parse(&text.replace("\r\n", "\n"))?;
    match edit {
        Edit::AddMeter(meter) => file.add_meter(meter, library)?,
        Edit::RemoveMeter { id, with_points } => file.remove_meter(id, *with_points)?,
        Edit::AddPoint(point) => file.add_point(point, library)?,
        Edit::AddPlatform { id, token_sha256 } => file.add_platform(id, token_sha256)?,
        Edit::RemovePoint { id } => file.remove(Kind::Point, id)?,
        Edit::Line(_) | Edit::Whole(_) => {}
    }
    let after = file.0.to_string();
    Ok(if windows { after.replace('\n', "\r\n") } else { after })
}

struct SiteText(DocumentMut);

impl SiteText {
    fn parse(text: &str) -> Result<Self, EditError> {
        let parsed = text.parse::<DocumentMut>();
        parsed.map(Self).map_err(|error| EditError::NotToml(toml_reason(text, &error)))
    }

    fn add_meter(&mut self, meter: &NewMeter, library: &MapLibrary) -> Result<(), EditError> {
        self.must_be_new(Kind::Meter, &meter.id)?;
        self.must_be_known(Kind::Line, &meter.line)?;
        self.unit_must_not_broadcast(meter)?;
        self.unit_must_be_free(meter)?;
        let map = meter.map.as_deref().map(|model| known_map(library, model)).transpose()?;
        let point = map.map(|map| self.point_table(&meter.id, map, &[], &meter.point)).transpose()?;

        let mut table = Table::new();
        table["id"] = value(&meter.id);
        table["line"] = value(&meter.line);
        table["unit"] = value(i64::from(meter.unit));
        let optional = [
            ("map", meter.map.as_deref().map(value)),
            ("ct", meter.ct.map(plain_number)),
            ("pt", meter.pt.map(plain_number)),
            ("interval", meter.interval.map(|interval| value(interval.to_string()))),
        ];
        for (key, item) in optional {
            if let Some(item) = item {
                table[key] = item;
            }
        }
        self.append(Kind::Meter, table)?;
        point.map_or(Ok(()), |point| self.append(Kind::Point, point))
    }

    fn add_platform(&mut self, id: &str, token_sha256: &str) -> Result<(), EditError> {
        self.must_be_new(Kind::Platform, id)?;
        let mut table = Table::new();
        table["id"] = value(id);
        table["token_sha256"] = value(token_sha256);
        table["scopes"] = value(["read", "admin"].into_iter().collect::<toml_edit::Array>());
        self.append(Kind::Platform, table)
    }

    fn add_point(&mut self, point: &NewPoint, library: &MapLibrary) -> Result<(), EditError> {
        self.must_be_known(Kind::Meter, &point.meter)?;
        let meter = self.table(Kind::Meter, &point.meter);
        let model = meter.and_then(|table| table.get("map")?.as_str());
        let model = model.ok_or_else(|| EditError::NoMap(point.meter.clone()))?;
        let map = known_map(library, model)?;
        let table = self.point_table(&point.meter, map, &point.registers, &point.place)?;
        self.append(Kind::Point, table)
    }

    fn point_table(
        &self,
        meter: &str,
        map: &RegisterMap,
        registers: &[String],
        place: &PointPlace,
    ) -> Result<Table, EditError> {
        let id = place.id.clone().unwrap_or_else(|| point_id(meter));
        self.must_be_new(Kind::Point, &id)?;
        let category = self.category(place.category.as_deref())?;
        let role = place.role.as_deref().ok_or(EditError::RoleMissing)?;
        let registers = chosen_registers(map, registers)?;

        let mut table = Table::new();
        table["id"] = value(&id);
        table["name"] = value(place.name.as_deref().unwrap_or(&id));
        table["category"] = value(category);
        table["role"] = value(role);
        table["meter"] = value(meter);
        let mut parameters = ArrayOfTables::new();
        for register in registers {
            let mut parameter = Table::new();
            parameter["id"] = value(parameter_id(&register));
            parameter["register"] = value(register);
            parameters.push(parameter);
        }
        table["parameter"] = Item::ArrayOfTables(parameters);
        Ok(table)
    }

    fn category(&self, wanted: Option<&str>) -> Result<String, EditError> {
        match (wanted, self.ids(Kind::Category).as_slice()) {
            (Some(wanted), _) => {
                self.must_be_known(Kind::Category, wanted)?;
                Ok(wanted.to_owned())
            }
            (None, [only]) => Ok(only.clone()),
            (None, known) => Err(EditError::CategoryMissing(known.to_vec())),
        }
    }

    fn remove_meter(&mut self, id: &str, with_points: bool) -> Result<(), EditError> {
        self.must_be_known(Kind::Meter, id)?;
        let points = self.points_reading(id)?;
        if !points.is_empty() && !with_points {
            return Err(EditError::MeterInUse { meter: id.to_owned(), points });
        }
        for point in &points {
            if let Some(other) = self.other_meter_of(point, id) {
                return Err(EditError::PointShared { point: point.clone(), other });
            }
        }
        for point in &points {
            self.remove(Kind::Point, point)?;
        }
        self.remove(Kind::Meter, id)
    }

    /// The Points of which at least one parameter reads the meter.
    fn points_reading(&self, meter: &str) -> Result<Vec<String>, EditError> {
        self.tables(Kind::Point)?; // Refuses what cannot be searched.
        let reads = |id: &String| self.meters_of(id).iter().any(|read| read == meter);
        Ok(self.ids(Kind::Point).into_iter().filter(reads).collect())
    }

    fn other_meter_of(&self, point: &str, meter: &str) -> Option<String> {
        self.meters_of(point).into_iter().find(|read| read != meter)
    }

    /// The meters that a Point and its parameters name.
    fn meters_of(&self, point: &str) -> Vec<String> {
        let meter_of = |table: &Table| table.get("meter").and_then(Item::as_str).map(str::to_owned);
        let Some(table) = self.table(Kind::Point, point) else { return Vec::new() };
        let parameters = table.get("parameter").and_then(Item::as_array_of_tables);
        let of_parameters = parameters.into_iter().flat_map(ArrayOfTables::iter).filter_map(meter_of);
        meter_of(table).into_iter().chain(of_parameters).collect()
    }

    /// Only over TCP is unit 0 a unit like others; behind a device server lies a serial line.
    fn unit_must_not_broadcast(&self, meter: &NewMeter) -> Result<(), EditError> {
        let line = self.table(Kind::Line, &meter.line);
        let is_tcp = line.and_then(|table| table.get("kind")?.as_str()) == Some("tcp");
        if meter.unit == 0 && !is_tcp {
            return Err(EditError::Broadcast { line: meter.line.clone() });
        }
        Ok(())
    }

    fn unit_must_be_free(&self, meter: &NewMeter) -> Result<(), EditError> {
        let has = |table: &&Table| {
            table.get("line").and_then(Item::as_str) == Some(&meter.line)
                && table.get("unit").and_then(Item::as_integer) == Some(i64::from(meter.unit))
        };
        let Some(owner) = self.tables(Kind::Meter)?.into_iter().find(has) else { return Ok(()) };
        let owner = owner.get("id").and_then(Item::as_str).unwrap_or_default().to_owned();
        Err(EditError::UnitTaken { unit: meter.unit, line: meter.line.clone(), meter: owner })
    }

    fn must_be_new(&self, kind: Kind, id: &str) -> Result<(), EditError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.len() > limits::ID_CHARS_MAX || !id.chars().all(allowed) {
            return Err(EditError::BadId(id.chars().take(limits::ID_CHARS_MAX).collect()));
        }
        self.tables(kind)?;
        match self.table(kind, id) {
            Some(_) => Err(EditError::Taken { kind, id: id.to_owned() }),
            None => Ok(()),
        }
    }

    fn must_be_known(&self, kind: Kind, id: &str) -> Result<(), EditError> {
        self.tables(kind)?;
        match self.table(kind, id) {
            Some(_) => Ok(()),
            None => Err(EditError::Unknown { kind, id: id.to_owned(), known: self.ids(kind) }),
        }
    }

    fn ids(&self, kind: Kind) -> Vec<String> {
        let id = |table: &Table| table.get("id").and_then(Item::as_str).map(str::to_owned);
        self.tables(kind).unwrap_or_default().into_iter().filter_map(id).collect()
    }

    fn table(&self, kind: Kind, id: &str) -> Option<&Table> {
        let has_id = |table: &&Table| table.get("id").and_then(Item::as_str) == Some(id);
        self.tables(kind).ok()?.into_iter().find(has_id)
    }

    fn tables(&self, kind: Kind) -> Result<Vec<&Table>, EditError> {
        match self.0.get(kind.word()) {
            None => Ok(Vec::new()),
            Some(item) => {
                let tables = item.as_array_of_tables().ok_or(EditError::NotTables(kind))?;
                Ok(tables.iter().collect())
            }
        }
    }

    fn append(&mut self, kind: Kind, mut table: Table) -> Result<(), EditError> {
        table.decor_mut().set_prefix("\n");
        let item = self.0.entry(kind.word()).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        item.as_array_of_tables_mut().ok_or(EditError::NotTables(kind))?.push(table);
        Ok(())
    }

    fn remove(&mut self, kind: Kind, id: &str) -> Result<(), EditError> {
        self.must_be_known(kind, id)?;
        let tables = self.0.get_mut(kind.word()).and_then(Item::as_array_of_tables_mut);
        let Some(tables) = tables else { return Err(EditError::NotTables(kind)) };
        let has_id = |table: &Table| table.get("id").and_then(Item::as_str) == Some(id);
        let Some(at) = tables.iter().position(has_id) else { return Ok(()) };
        let heading = tables.get(at).map(heading_above).unwrap_or_default();
        let ends_at = tables.get(at).map(last_position).unwrap_or_default();
        tables.remove(at);
        if tables.is_empty() {
            self.0.remove(kind.word());
        }
        if !heading.trim().is_empty() {
            self.hand_down(&heading, ends_at);
        }
        Ok(())
    }

    /// Gives a comment that stood above a removed table to the table that now stands there.
    fn hand_down(&mut self, heading: &str, ends_at: isize) {
        let mut next: Option<&mut Table> = None;
        for_each_table(self.0.as_table_mut(), &mut |table| {
            let position = table.position().unwrap_or(isize::MIN);
            let nearest = next.as_ref().and_then(|next| next.position()).unwrap_or(isize::MAX);
            if position > ends_at && position < nearest {
                next = Some(table);
            }
        });
        let Some(next) = next else {
            let trailing = self.0.trailing().as_str().unwrap_or_default().to_owned();
            self.0.set_trailing(format!("{heading}{trailing}"));
            return;
        };
        let prefix = next.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
        next.decor_mut().set_prefix(format!("{heading}{}", prefix.trim_start_matches('\n')));
    }
}

/// The comments above a table that are set off from it by an empty line: they head what follows as
/// well. The comments right above the table are its own and go with it.
fn heading_above(table: &Table) -> String {
    let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    prefix.rfind("\n\n").map(|at| prefix[..at + 2].to_owned()).unwrap_or_default()
}

/// Where in the file the table and those inside it end.
fn last_position(table: &Table) -> isize {
    let mut last = table.position().unwrap_or_default();
    for (_, item) in table {
        let inner =
            item.as_array_of_tables().into_iter().flat_map(ArrayOfTables::iter).chain(item.as_table());
        last = inner.map(last_position).fold(last, isize::max);
    }
    last
}

fn for_each_table<'a>(table: &'a mut Table, seen: &mut impl FnMut(&'a mut Table)) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) => seen(inner),
            Item::ArrayOfTables(list) => list.iter_mut().for_each(&mut *seen),
            _ => {}
        }
    }
}

fn known_map<'a>(library: &'a MapLibrary, model: &str) -> Result<&'a RegisterMap, EditError> {
    let known = || library.models().map(str::to_owned).collect();
    library.get(model).ok_or_else(|| EditError::Unknown {
        kind: Kind::Map,
        id: model.to_owned(),
        known: known(),
    })
}

fn chosen_registers(map: &RegisterMap, wanted: &[String]) -> Result<Vec<String>, EditError> {
    let known = || map.registers.iter().map(|entry| entry.register.name.clone()).collect();
    if let Some(unknown) = wanted.iter().find(|name| map.register(name).is_none()) {
        return Err(EditError::Unknown { kind: Kind::Register, id: unknown.clone(), known: known() });
    }
    if !wanted.is_empty() {
        return Ok(wanted.to_vec());
    }
    let main = main_registers(map);
    if main.is_empty() {
        return Err(EditError::NoMainRegister { map: map.model.clone(), registers: known() });
    }
    Ok(main)
}

/// `PT-CHILLER3` for the meter `m-chiller3`.
fn point_id(meter: &str) -> String {
    let stem = meter.strip_prefix("m-").or_else(|| meter.strip_prefix("M-")).unwrap_or(meter);
    format!("PT-{}", stem.to_ascii_uppercase())
}

/// 40 rather than 40.0, as a person would write it.
fn plain_number(number: f64) -> Item {
    #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
    if number.fract() == 0.0 && number.abs() < 1e9 { value(number as i64) } else { value(number) }
}

#[cfg(test)]
mod tests;
