"""Small SICD and SIDD files with a geometry that can be worked out by hand, written by sarkit.

The antenna flies a straight line at constant speed, so that its track is a polynomial of order
one, and the image lies in the slant plane through track and scene centre: range and Doppler of any
image point follow from plane geometry, without a projection library.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from pyproj import Transformer
from sarkit import sicd, sidd

TO_ECEF = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
TO_LON_LAT = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)

SPEED_M_S = 7500.0
LIGHT_M_S = 299_792_458.0
FREQUENCY_HZ = (9.5e9, 9.7e9)
CENTRE_TIME_S = 0.75


def ecef(lon: Any, lat: Any, height_m: Any) -> np.ndarray:
    """Places [deg, deg, m] as ECEF [m], by PROJ."""
    return np.stack(TO_ECEF.transform(lon, lat, height_m), axis=-1)


@dataclass(frozen=True)
class Geometry:
    """Where the scene lies and how it is looked at."""

    lon: float = 7.5
    lat: float = 46.9
    height_m: float = 530.0
    incidence_deg: float = 38.0
    range_azimuth_deg: float = 75.0
    side: str = "R"
    squint_deg: float = 5.0
    distance_m: float = 690_000.0

    @property
    def scp(self) -> np.ndarray:
        return ecef(self.lon, self.lat, self.height_m)

    @property
    def frame(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """East, north and up at the scene centre."""
        lon, lat = np.radians([self.lon, self.lat])
        east = np.array([-np.sin(lon), np.cos(lon), 0])
        up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        return east, np.cross(up, east), up

    @property
    def sight(self) -> np.ndarray:
        """Unit vector from the antenna to the scene centre."""
        east, north, up = self.frame
        theta, azimuth = np.radians([self.incidence_deg, self.range_azimuth_deg])
        level = np.cos(azimuth) * north + np.sin(azimuth) * east
        return np.sin(theta) * level - np.cos(theta) * up

    @property
    def antenna(self) -> np.ndarray:
        return self.scp - self.distance_m * self.sight

    @property
    def velocity(self) -> np.ndarray:
        """Level at the antenna, squinted away from broadside."""
        up = self.antenna / np.linalg.norm(self.antenna)
        across = self.sight - (self.sight @ up) * up
        across /= np.linalg.norm(across)
        along = np.cross(up, across) * (1 if self.side == "R" else -1)
        squint = np.radians(self.squint_deg)
        return SPEED_M_S * (np.cos(squint) * along + np.sin(squint) * across)

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Directions of growing rows and columns: slant range, and across it in the slant plane.

        Columns grow so that rows x columns points up, whatever the side.
        """
        row = self.sight
        along = self.velocity / SPEED_M_S
        column = along - (along @ row) * row
        column /= np.linalg.norm(column)
        if np.cross(row, column) @ self.scp < 0:
            column = -column
        return row, column

    def slant_metres(self, places: np.ndarray) -> np.ndarray:
        """Metres from the scene centre, along rows and columns, of places [n, 3] in ECEF.

        Range and angle to the track say where in the slant plane the echo comes to lie.
        """
        away = places - self.antenna
        distance = np.linalg.norm(away, axis=-1)
        along = self.velocity / SPEED_M_S
        cosine = away @ along / distance
        across = self.sight - (self.sight @ along) * along
        across /= np.linalg.norm(across)
        sine = np.sqrt(1 - cosine**2)
        point = distance[:, None] * (cosine[:, None] * along + sine[:, None] * across)
        from_scp = self.antenna + point - self.scp
        return np.stack([from_scp @ axis for axis in self.axes], axis=-1)


@dataclass(frozen=True)
class Image:
    """Size and place of the image in the grid of the product."""

    rows: int = 90
    columns: int = 70
    first_row: int = 40
    first_column: int = 25
    scp_row: int = 80
    scp_column: int = 64
    spacing_m: tuple[float, float] = (0.6, 0.5)
    resolution_m: tuple[float, float] = (0.75, 0.7)

    def pixel(self, metres: np.ndarray) -> np.ndarray:
        """Row and column in this file of metres from the scene centre [n, 2]."""
        scp = (self.scp_row - self.first_row, self.scp_column - self.first_column)
        return metres / self.spacing_m + scp

    def metres(self) -> tuple[np.ndarray, np.ndarray]:
        """Metres from the scene centre of every row and every column."""
        return (
            (np.arange(self.rows) + self.first_row - self.scp_row) * self.spacing_m[0],
            (np.arange(self.columns) + self.first_column - self.scp_column) * self.spacing_m[1],
        )


def numbers(names: str, values: Any) -> str:
    return "".join(
        f"<{name}>{float(value)!r}</{name}>"
        for name, value in zip(names.split(), values, strict=True)
    )


def poly2d(coefficients: Any) -> str:
    return "".join(
        f'<Coef exponent1="{i}" exponent2="{j}">{float(value)!r}</Coef>'
        for (i, j), value in np.ndenumerate(np.atleast_2d(coefficients))
    )


def orders(coefficients: Any) -> str:
    shape = np.atleast_2d(coefficients).shape
    return f'order1="{shape[0] - 1}" order2="{shape[1] - 1}"'


def sicd_xml(
    geometry: Geometry | None = None,
    image: Image | None = None,
    *,
    pixel_type: str = "RE32F_IM32F",
    sigma_nought: Any = None,
    valid: list[tuple[int, int]] | None = None,
    amplitudes: np.ndarray | None = None,
) -> Any:
    """A SICD 1.2.1 tree that fits the schema."""
    geometry, image = geometry or Geometry(), image or Image()
    row, column = geometry.axes
    centre = CENTRE_TIME_S
    start = geometry.antenna - centre * geometry.velocity
    track = "".join(
        f'<{axis} order1="1"><Coef exponent1="0">{float(start[i])!r}</Coef>'
        f'<Coef exponent1="1">{float(geometry.velocity[i])!r}</Coef></{axis}>'
        for i, axis in enumerate("XYZ")
    )
    vertices = "".join(
        f'<Vertex index="{i}"><Row>{r}</Row><Col>{c}</Col></Vertex>'
        for i, (r, c) in enumerate(valid or [], start=1)
    )
    area = f'<ValidData size="{len(valid)}">{vertices}</ValidData>' if valid else ""
    table = "".join(
        f'<Amplitude index="{i}">{float(a)!r}</Amplitude>'
        for i, a in enumerate(amplitudes if amplitudes is not None else [])
    )
    table = f'<AmpTable size="256">{table}</AmpTable>' if table else ""
    corner = "".join(
        f'<ICP index="{i}:{name}">{numbers("Lat Lon", (geometry.lat, geometry.lon))}</ICP>'
        for i, name in enumerate(("FRFC", "FRLC", "LRLC", "LRFC"), start=1)
    )
    wave_number = 2 * sum(FREQUENCY_HZ) / 2 / LIGHT_M_S

    def axis_xml(direction: np.ndarray, i: int) -> str:
        band = 0.886 / image.resolution_m[i]
        return (
            f"<UVectECF>{numbers('X Y Z', direction)}</UVectECF>"
            + numbers("SS ImpRespWid", (image.spacing_m[i], image.resolution_m[i]))
            + "<Sgn>-1</Sgn>"
            + numbers(
                "ImpRespBW KCtr DeltaK1 DeltaK2",
                (band, wave_number if i == 0 else 0.0, -band / 2, band / 2),
            )
        )

    radiometric = ""
    if sigma_nought is not None:
        radiometric = (
            f"<Radiometric><SigmaZeroSFPoly {orders(sigma_nought)}>{poly2d(sigma_nought)}"
            "</SigmaZeroSFPoly></Radiometric>"
        )
    frequencies = numbers("Min Max", FREQUENCY_HZ)
    text = f"""<SICD xmlns="urn:SICD:1.2.1">
<CollectionInfo><CollectorName>Aurora</CollectorName><CoreName>AURORA-1</CoreName>
<CollectType>MONOSTATIC</CollectType><RadarMode><ModeType>SPOTLIGHT</ModeType></RadarMode>
<Classification>UNCLASSIFIED</Classification></CollectionInfo>
<ImageData><PixelType>{pixel_type}</PixelType>{table}
<NumRows>{image.rows}</NumRows><NumCols>{image.columns}</NumCols>
<FirstRow>{image.first_row}</FirstRow><FirstCol>{image.first_column}</FirstCol>
<FullImage><NumRows>200</NumRows><NumCols>200</NumCols></FullImage>
<SCPPixel><Row>{image.scp_row}</Row><Col>{image.scp_column}</Col></SCPPixel>{area}</ImageData>
<GeoData><EarthModel>WGS_84</EarthModel><SCP><ECF>{numbers("X Y Z", geometry.scp)}</ECF>
<LLH>{numbers("Lat Lon HAE", (geometry.lat, geometry.lon, geometry.height_m))}</LLH></SCP>
<ImageCorners>{corner}</ImageCorners></GeoData>
<Grid><ImagePlane>SLANT</ImagePlane><Type>PLANE</Type>
<TimeCOAPoly order1="0" order2="0">{poly2d(centre)}</TimeCOAPoly>
<Row>{axis_xml(row, 0)}</Row><Col>{axis_xml(column, 1)}</Col></Grid>
<Timeline><CollectStart>2024-03-05T06:07:08.250000Z</CollectStart>
<CollectDuration>1.5</CollectDuration></Timeline>
<Position><ARPPoly>{track}</ARPPoly></Position>
<RadarCollection><TxFrequency>{frequencies}</TxFrequency><TxPolarization>V</TxPolarization>
<RcvChannels size="1"><ChanParameters index="1"><TxRcvPolarization>V:H</TxRcvPolarization>
</ChanParameters></RcvChannels></RadarCollection>
<ImageFormation><RcvChanProc><NumChanProc>1</NumChanProc><ChanIndex>1</ChanIndex></RcvChanProc>
<TxRcvPolarizationProc>V:H</TxRcvPolarizationProc><TStartProc>0</TStartProc>
<TEndProc>1.5</TEndProc>
<TxFrequencyProc>{frequencies.replace("Min", "MinProc").replace("Max", "MaxProc")}</TxFrequencyProc>
<ImageFormAlgo>OTHER</ImageFormAlgo><STBeamComp>NO</STBeamComp><ImageBeamComp>NO</ImageBeamComp>
<AzAutofocus>NO</AzAutofocus><RgAutofocus>NO</RgAutofocus></ImageFormation>
<SCPCOA/>{radiometric}</SICD>"""
    tree = etree.ElementTree(etree.fromstring(text))
    old = tree.find("{*}SCPCOA")
    old.getparent().replace(old, sicd.compute_scp_coa(tree))
    return tree


def write_sicd(path: Path, tree: Any, pixels: np.ndarray) -> Path:
    """Write a SICD file; a tree that does not fit the schema is an error."""
    security = {"security": {"clas": "U"}}
    metadata = sicd.NitfMetadata(
        xmltree=tree,
        file_header_part={"ostaid": "here", "ftitle": "test", **security},
        im_subheader_part={"isorce": "test", **security},
        de_subheader_part=security,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with path.open("wb") as opened, sicd.NitfWriter(opened, metadata) as writer:
            writer.write_image(pixels)
    return path


def stored(pixel_type: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pixels as sarkit wants them: real and imaginary part, or amplitude and phase."""
    dtype = sicd.PIXEL_TYPES[pixel_type]["dtype"]
    if dtype.names is None:
        out = first.astype(dtype)
        out.imag = second
        return out
    out = np.empty(first.shape, dtype)
    out[dtype.names[0]], out[dtype.names[1]] = first, second
    return out


def sidd_xml(
    geometry: Geometry | None = None,
    *,
    shape: tuple[int, int] = (40, 30),
    pixel_type: str = "MONO8I",
    remap: str | None = None,
    table: Any = None,
    grid: str = "planar",
    spacing: tuple[float, float] = (0.8, 0.9),
    turned_deg: float = 0.0,
) -> Any:
    """A SIDD 1.0 tree: rows run along ground range, turned clockwise by an angle."""
    geometry = geometry or Geometry()
    east, north, _ = geometry.frame
    azimuth = np.radians(geometry.range_azimuth_deg + turned_deg)
    row = np.cos(azimuth) * north + np.sin(azimuth) * east
    column = np.cos(azimuth + np.pi / 2) * north + np.sin(azimuth + np.pi / 2) * east
    start = geometry.antenna - CENTRE_TIME_S * geometry.velocity
    track = "".join(
        f'<si:{axis} order1="1"><si:Coef exponent1="0">{float(start[i])!r}</si:Coef>'
        f'<si:Coef exponent1="1">{float(geometry.velocity[i])!r}</si:Coef></si:{axis}>'
        for i, axis in enumerate("XYZ")
    )

    def si(names: str, values: Any) -> str:
        return numbers(" ".join("si:" + name for name in names.split()), values)

    footprint = "".join(
        f'<Vertex index="{i}">{si("Lat Lon", (geometry.lat, geometry.lon))}</Vertex>'
        for i in range(1, 5)
    )
    values = " ".join(map(str, table)) if table is not None else ""
    lookup = f'<RemapLUT size="256">{values}</RemapLUT>' if values else ""
    information = (
        f"<RemapInformation><MonochromeDisplayRemap><RemapType>{remap}</RemapType>{lookup}"
        "</MonochromeDisplayRemap></RemapInformation>"
        if remap
        else ""
    )
    element = {"planar": "PlaneProjection", "geodetic": "GeographicProjection"}[grid]
    plane = (
        f"<ProductPlane><RowUnitVector>{si('X Y Z', row)}</RowUnitVector>"
        f"<ColUnitVector>{si('X Y Z', column)}</ColUnitVector></ProductPlane>"
        if grid == "planar"
        else ""
    )
    slope = [[CENTRE_TIME_S, 1e-5], [2e-6, 0.0]]
    coefficients = poly2d(slope).replace("<Coef", "<si:Coef").replace("</Coef", "</si:Coef")
    text = f"""<SIDD xmlns="urn:SIDD:1.0.0" xmlns:si="urn:SICommon:0.1"
xmlns:ism="urn:us:gov:ic:ism">
<ProductCreation><ProcessorInformation><Application>test</Application>
<ProcessingDateTime>2024-03-05T08:00:00Z</ProcessingDateTime><Site>here</Site>
</ProcessorInformation><Classification ism:DESVersion="4" ism:resourceElement="true"
ism:createDate="2024-03-05" ism:classification="U" ism:ownerProducer="USA"/>
<ProductName>AURORA-1-D</ProductName><ProductClass>Detected Image</ProductClass></ProductCreation>
<Display><PixelType>{pixel_type}</PixelType>{information}</Display>
<GeographicAndTarget><GeographicCoverage><Footprint size="4">{footprint}</Footprint>
</GeographicCoverage></GeographicAndTarget>
<Measurement><{element}><ReferencePoint><si:ECEF>{si("X Y Z", geometry.scp)}</si:ECEF>
<si:Point>{si("Row Col", (12.0, 17.0))}</si:Point></ReferencePoint>
<SampleSpacing>{si("Row Col", spacing)}</SampleSpacing>
<TimeCOAPoly order1="1" order2="1">{coefficients}</TimeCOAPoly>{plane}</{element}>
<PixelFootprint><si:Row>{shape[0]}</si:Row><si:Col>{shape[1]}</si:Col></PixelFootprint>
<ARPPoly>{track}</ARPPoly></Measurement>
<ExploitationFeatures><Collection identifier="AURORA-1"><Information>
<SensorName>Aurora</SensorName><RadarMode><si:ModeType>SPOTLIGHT</si:ModeType></RadarMode>
<CollectionDateTime>2024-03-05T06:07:08.250000Z</CollectionDateTime>
<CollectionDuration>1.5</CollectionDuration><Resolution>
<si:Range>1</si:Range><si:Azimuth>1</si:Azimuth></Resolution><Polarization>
<TxPolarization>V</TxPolarization><RcvPolarization>V</RcvPolarization></Polarization>
</Information></Collection><Product><Resolution>{si("Row Col", (1.1, 1.2))}</Resolution>
<North>0</North></Product></ExploitationFeatures></SIDD>"""
    return etree.ElementTree(etree.fromstring(text))


def write_sidd(path: Path, tree: Any, pixels: np.ndarray, table: Any = None) -> Path:
    """Write a SIDD file of one product image; a tree that does not fit the schema is an error."""
    security = {"security": {"clas": "U"}}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        metadata = sidd.NitfMetadata(
            file_header_part={"ostaid": "here", "ftitle": "test", **security},
            images=[
                sidd.NitfProductImageMetadata(
                    xmltree=tree,
                    im_subheader_part=security,
                    de_subheader_part=security,
                    lookup_table=table,
                )
            ],
        )
        with path.open("wb") as opened, sidd.NitfWriter(opened, metadata) as writer:
            writer.write_image(0, pixels)
    return path
