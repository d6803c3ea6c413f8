import type { ColumnDef } from '../change-set';

/** A row of information_schema.COLUMNS, as text or null. */
export interface SchemaColumn {
  readonly name: string;
  /** Such as `varchar`. */
  readonly dataType: string;
  /** Such as `varchar(20)` or `int(10) unsigned`. */
  readonly columnType: string;
  readonly nullable: boolean;
  readonly octetLength: number;
  readonly precision: number;
  readonly scale: number;
  readonly fraction: number;
}

/** Type code and metadata length of types whose metadata does not depend on the column (MYSQL_TYPE_…). */
const FIXED: Readonly<Record<string, readonly [type: number, meta: number]>> = {
  tinyint: [1, 0],
  smallint: [2, 0],
  int: [3, 0],
  float: [4, 4],
  double: [5, 8],
  bigint: [8, 0],
  mediumint: [9, 0],
  date: [10, 0],
  year: [13, 0],
  tinyblob: [252, 1],
  tinytext: [252, 1],
  blob: [252, 2],
  text: [252, 2],
  mediumblob: [252, 3],
  mediumtext: [252, 3],
  longblob: [252, 4],
  longtext: [252, 4],
  json: [252, 4],
  uuid: [254, 16],
  inet6: [254, 16],
  inet4: [254, 4],
};

/**
 * How this database's own table map would describe the column: needed only for columns that the origin does not know,
 * whose values are never sent, but whose place in the table map must have a type that the server can convert.
 */
export function localColumn(column: SchemaColumn): ColumnDef {
  const [type, meta] = typeAndMeta(column);
  return {
    name: column.name,
    type,
    meta,
    nullable: column.nullable,
    unsigned: /\bunsigned\b/.test(column.columnType),
    collation: null,
    members: null,
  };
}

function typeAndMeta(column: SchemaColumn): readonly [number, number] {
  const fixed = FIXED[column.dataType];
  if (fixed !== undefined) return fixed;
  switch (column.dataType) {
    case 'varchar':
    case 'varbinary':
      return [15, column.octetLength];
    case 'char':
    case 'binary':
      return [254, column.octetLength];
    case 'decimal':
      return [246, column.precision | (column.scale << 8)];
    case 'timestamp':
      return [17, column.fraction];
    case 'datetime':
      return [18, column.fraction];
    case 'time':
      return [19, column.fraction];
    case 'bit':
      return [16, ((column.precision >> 3) << 8) | (column.precision & 7)];
    case 'enum':
      return [247, column.columnType.split("','").length > 255 ? 2 : 1];
    case 'set': {
      const members = column.columnType.split("','").length;
      return [248, members > 32 ? 8 : members > 24 ? 4 : members > 16 ? 3 : members > 8 ? 2 : 1];
    }
    default:
      // The spatial types: GEOMETRY, POINT and their kin.
      return [255, 4];
  }
}
