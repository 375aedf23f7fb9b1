//! What answers look like: the wire types, put together as `document` writes them.

use jiff::civil::Date;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::api::wire::answer::{
    AboutHead, CodeRow, CounterEvent, DataCount, DynamicHead, Envelope, Gap, Health, HistoricalHead, NameRow,
    Page, Reading, ReadingCause, ReadingValue, SimpleCategory, SimplePoint, SimpleReading, StaticHead,
    StatisticalHead,
};
use crate::api::wire::compat::ReturnCode;
use crate::api::wire::demand::Duration;
use crate::api::wire::operation::Subject;
use crate::api::wire::site::{Category, Cems, Parameter, Point, SimpleCems};
use crate::api::wire::statistic::StatItem;
use crate::api::wire::table::{EnergyClass, NamedReadingType, StaticExtension, SubItem, TouRate};
use crate::api::wire::update::Update;
use crate::api::wire::{Shown, names};
use crate::model::gap::GapCause;
use crate::model::reading_type::ReadingType;
use crate::time::{Interval, IsoTime, UtcOffset};

/// Where components of this kind stand.
pub(super) const SCHEMAS: &str = "#/components/schemas";

/// The 18 numbers of a reading type.
pub(super) const READING_TYPE_PATTERN: &str = "^-?[0-9]{1,5}(\\.-?[0-9]{1,5}){17}$";

macro_rules! shown_as {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for Shown<$type> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

shown_as!(IsoTime, "Time", { "type": "string", "format": "date-time" });
shown_as!(Interval, "Interval", { "type": "string", "pattern": "^P" });
shown_as!(UtcOffset, "Offset", { "type": "string", "pattern": "^(Z|[+-][0-9]{2}:[0-9]{2})$" });
shown_as!(ReadingType, "ReadingTypeID", { "type": "string", "pattern": READING_TYPE_PATTERN });
shown_as!(ReadingCause, "ReadingCause", { "type": "string" });
shown_as!(Duration, "Duration", { "type": "string", "pattern": "^P" });
shown_as!(Date, "Date", { "type": "string", "format": "date" });
shown_as!(GapCause, "GapCause", { "type": "string" });

impl JsonSchema for ReturnCode<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReturnCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 0 })
    }
}

impl JsonSchema for ReadingValue<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReadingValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": ["number", "string", "null"] })
    }
}

/// Puts schemas together and keeps those that have a name.
pub(super) struct Shapes {
    generator: SchemaGenerator,
    pub(super) named: Map<String, Value>,
}

/// A member that is written besides those of a head.
pub(super) struct Further {
    name: &'static str,
    schema: Value,
    always: bool,
}

pub(super) fn always(name: &'static str, schema: Value) -> Further {
    Further { name, schema, always: true }
}

pub(super) fn sometimes(name: &'static str, schema: Value) -> Further {
    Further { name, schema, always: false }
}

pub(super) fn list_of(item: &Value) -> Value {
    json!({ "type": "array", "items": item })
}

impl Shapes {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = SCHEMAS[1..].into();
            settings.meta_schema = None;
        });
        Self { generator: settings.into_generator(), named: Map::new() }
    }

    /// Everything that has a name, the plain types among it.
    pub(super) fn into_named(mut self) -> Map<String, Value> {
        let plain = self.generator.take_definitions(true);
        self.named.extend(plain);
        self.named
    }

    pub(super) fn reference<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().into()
    }

    /// The object of `T` with `further` members, under the name `name`.
    pub(super) fn object<T: JsonSchema>(&mut self, name: &str, further: Vec<Further>) -> Value {
        let mut object: Value = T::json_schema(&mut self.generator).into();
        for Further { name, schema, always } in further {
            object["properties"][name] = schema;
            if always {
                required(&mut object).push(json!(name));
            }
        }
        self.name(name, object)
    }

    pub(super) fn name(&mut self, name: &str, schema: Value) -> Value {
        self.named.insert(name.to_owned(), schema);
        json!({ "$ref": format!("{SCHEMAS}/{name}") })
    }

    /// Names what a refusal looks like: the envelope alone.
    pub(super) fn refusal(&mut self) {
        self.reference::<Envelope<'_>>();
    }

    /// How the gateway is.
    pub(super) fn health(&mut self) -> Value {
        self.reference::<Health>()
    }

    /// How an update stands.
    pub(super) fn update(&mut self) -> Value {
        let data = self.reference::<Update>();
        self.object::<Envelope<'_>>("UpdateAnswer", vec![always(names::DATA, data)])
    }

    /// The whole answer to a question about `subject`.
    pub(super) fn answer(&mut self, subject: Subject) -> Value {
        let (name, data) = match subject {
            Subject::Static => ("StaticAnswer", self.static_data()),
            Subject::Dynamic => ("DynamicAnswer", self.dynamic_data()),
            Subject::Historical => ("HistoricalAnswer", self.historical_data()),
            Subject::Statistical => ("StatisticalAnswer", self.statistical_data()),
            Subject::DrStatic => ("DrStaticAnswer", self.dr_static_data()),
            Subject::DrDynamic => ("DrDynamicAnswer", self.dr_dynamic_data()),
            Subject::DrHistorical => ("DrHistoricalAnswer", self.dr_historical_data()),
            Subject::DrStatistical => ("DrStatisticalAnswer", self.dr_statistical_data()),
            Subject::PutDrEvent => ("DrEnteredAnswer", self.dr_entered()),
            Subject::DmStatic => ("DmStaticAnswer", self.dm_static_data()),
            Subject::DmDynamic => ("DmDynamicAnswer", self.dm_dynamic_data()),
            Subject::DmHistorical => ("DmHistoricalAnswer", self.dm_historical_data()),
            Subject::About => ("AboutAnswer", self.about()),
        };
        self.object::<Envelope<'_>>(name, vec![always(names::DATA, data)])
    }

    fn static_data(&mut self) -> Value {
        let parameters = list_of(&self.reference::<Parameter<'_>>());
        let point = self.object::<Point<'_>>("Point", vec![always(names::PARAMETER, parameters)]);
        let category =
            self.object::<Category<'_>>("Category", vec![sometimes(names::POINT, list_of(&point))]);
        let cems = self.object::<Cems<'_>>("Cems", vec![sometimes(names::CATEGORY, list_of(&category))]);
        // Without the profile only the members of the short form are there.
        let short: Value = SimpleCems::json_schema(&mut self.generator).into();
        self.named["Cems"]["required"] = short["required"].clone();
        let tables = vec![
            sometimes(names::ENERGY_CLASS, list_of(&self.reference::<EnergyClass>())),
            sometimes(names::SUB_ITEM, list_of(&self.reference::<SubItem>())),
            sometimes(names::TOU_RATE, list_of(&self.reference::<TouRate>())),
            sometimes(names::READING_TYPE, list_of(&self.reference::<NamedReadingType>())),
        ];
        let extension = self.object::<StaticExtension<'_>>("StaticExtension", tables);
        let further = vec![
            always(names::PAGE, self.reference::<Page>()),
            always(names::CEMS, cems),
            always(names::DATA_COUNT, self.reference::<DataCount>()),
            sometimes(names::EXTENSION, extension),
        ];
        self.object::<StaticHead>("StaticData", further)
    }

    /// Categories with points with series with readings, as both kinds of readings are written.
    fn nest(&mut self) -> Value {
        let readings = list_of(&self.reference::<Reading<'_>>());
        let series = self.object::<SimpleReading<'_>>("Series", vec![always(names::READING, readings)]);
        let points = vec![always(names::READING, list_of(&series))];
        let point = self.object::<SimplePoint<'_>>("PointReadings", points);
        let categories = vec![always(names::POINT, list_of(&point))];
        list_of(&self.object::<SimpleCategory<'_>>("CategoryReadings", categories))
    }

    fn common(&mut self) -> Vec<Further> {
        vec![
            always(names::CEMS, self.reference::<SimpleCems<'_>>()),
            always(names::PAGE, self.reference::<Page>()),
            always(names::DATA_COUNT, self.reference::<DataCount>()),
        ]
    }

    fn dynamic_data(&mut self) -> Value {
        let mut further = self.common();
        further.push(always(names::CATEGORY, self.nest()));
        self.object::<DynamicHead>("DynamicData", further)
    }

    fn historical_data(&mut self) -> Value {
        let mut further = self.common();
        further.push(always(names::CATEGORY, self.nest()));
        further.push(always(names::GAP, list_of(&self.reference::<Gap<'_>>())));
        further.push(sometimes(names::GAP_LEFT_OUT, count()));
        further.push(sometimes(names::COUNTER_EVENT, list_of(&self.reference::<CounterEvent<'_>>())));
        further.push(sometimes(names::COUNTER_EVENT_LEFT_OUT, count()));
        self.object::<HistoricalHead>("HistoricalData", further)
    }

    fn statistical_data(&mut self) -> Value {
        let mut further = self.common();
        further.push(always(names::STATISTIC, list_of(&self.reference::<StatItem<'_>>())));
        self.object::<StatisticalHead>("StatisticalData", further)
    }

    fn about(&mut self) -> Value {
        let further = vec![
            always(names::CODE_LIST, list_of(&self.reference::<CodeRow>())),
            always(names::NAME_LIST, list_of(&self.reference::<NameRow>())),
        ];
        self.object::<AboutHead>("About", further)
    }
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn required(object: &mut Value) -> &mut Vec<Value> {
    if object["required"].is_null() {
        object["required"] = json!([]);
    }
    object["required"].as_array_mut().unwrap()
}
